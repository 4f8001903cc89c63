// What changes of templates, profiles and overlays have in common.

/** Every change of a layer is also an event of this stream, so that a decision can rest on all layers of a workspace. */
export const layersStream = (workspace: string): string => `layers-${workspace}`;

/** The fields as they are to be: those that are given, and the others as they were. */
export const wanted = <Fields extends object>(fields: Fields, given: object): Fields => ({
  ...fields,
  ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
});
