/** One step of a service's own schema (tables that are no projection); names sort in the order they run. */
export type Migration = { readonly name: string; readonly sql: string };
