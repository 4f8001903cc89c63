// JSON Schemas of the contracts, as outsiders read them.
import { z } from 'zod';
import type { CommandDefinition, EventDefinition, ReadModelDefinition } from './message.ts';

export type JsonSchema = Readonly<Record<string, unknown>>;

/** The address that `ce-dataschema` names. */
export const schemaId = (name: string): string => `https://molthub.dev/schemas/${name}.json`;

/** Data as it is published. Its objects are open: a reader must pass over fields that a later release adds. */
export const eventSchema = (event: EventDefinition): JsonSchema => ({
  ...described(event.type, event.about),
  ...z.toJSONSchema(event.data, {
    io: 'output',
    override: ({ jsonSchema }) => {
      if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    },
  }),
});

/** Data as it is sent. Unknown fields are refused. */
export const commandSchema = (command: CommandDefinition): JsonSchema => ({
  ...described(command.type, command.about),
  ...z.toJSONSchema(command.data, { io: 'input' }),
});

/** One row of a published view; times are `timestamptz` in SQL and RFC 3339 text in answers. */
export const readModelSchema = (readModel: ReadModelDefinition): JsonSchema => ({
  ...described(`${readModel.service}_read.${readModel.name}`, readModel.about),
  ...z.toJSONSchema(readModel.row, { io: 'output' }),
});

const described = (name: string, about: string) => ({ $id: schemaId(name), title: name, description: about });
