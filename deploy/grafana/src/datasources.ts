// The two datasources by the names that `provisioning/datasources` gives them.
export const postgres = { type: 'grafana-postgresql-datasource', uid: 'molthub-postgres' } as const;
export const jaeger = { type: 'jaeger', uid: 'molthub-jaeger' } as const;
