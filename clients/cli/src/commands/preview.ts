// What a bot of a template would run, before there is one; nothing is recorded.
import { Violation } from '@molthub/contracts';
import type { Command } from 'commander';
import pc from 'picocolors';
import { z } from 'zod';
import { CliError, usageError } from '../cli-error.ts';
import type { Client } from '../client.ts';
import { find, Identified } from '../find.ts';
import { kindOf } from '../kinds.ts';
import { encoded, note } from '../output.ts';
import { printable } from '../printable.ts';
import { sessionOf } from '../session.ts';
import { veiled } from '../veiled.ts';
import { packNames } from '../names.ts';

type Options = {
  readonly set?: readonly string[];
  readonly fleet?: string;
  readonly environment?: string;
  readonly engineVersion?: string;
  readonly label?: readonly string[];
};

const Template = z.looseObject({
  id: z.string(),
  name: z.string(),
  configurableFields: z.array(z.looseObject({ path: z.string(), type: z.string() })),
});
type Template = z.infer<typeof Template>;

const Preview = z.looseObject({
  valid: z.boolean(),
  errors: z.array(z.looseObject({ path: z.string(), code: z.string(), message: z.string() })),
  resolved: z.json().nullable(),
  warnings: z.array(Violation),
});

export const preview = async (name: string, options: Options, command: Command): Promise<void> => {
  const pairs = (options.set ?? []).map((text) => pairOf('--set', text));
  const labels = Object.fromEntries((options.label ?? []).map((text) => pairOf('--label', text)));
  const { client, format, show } = await sessionOf(command);
  const template = await find(client, kindOf('templates'), name, Template);
  const body = {
    values: Object.fromEntries(pairs.map(([path, text]) => [path, valueOf(template, path, text)])),
    labels,
    ...(await placeOf(client, options)),
  };
  const answer = await client.post(Preview, `/templates/${template.id}/preview`, body);
  const { valid, errors, resolved, warnings } = answer;
  if (format !== 'table' || resolved !== null) show(answer, () => encoded('yaml', veiled(resolved)).trimEnd());
  const nameOf = await packNames(client, warnings);
  for (const { packId, ruleId, path, message } of warnings) {
    note(
      `${pc.yellow('warn')}  ${printable(`${nameOf(packId)}/${ruleId}`)}  ${printable(path)}  ${printable(message)}`,
    );
  }
  if (!valid)
    throw new CliError(`a bot of ${printable(template.name)} could not be made like this`, { problems: errors });
};

/** The fleet says its environment; without one, what is asked for, else the server's default. */
const placeOf = async (client: Client, { fleet, environment, engineVersion }: Options) => ({
  ...(fleet === undefined ? {} : { fleetId: (await find(client, kindOf('fleets'), fleet, Identified)).id }),
  ...(environment === undefined ? {} : { environment }),
  ...(engineVersion === undefined ? {} : { engineVersion }),
});

/** `path=value`; a path may have an `=` of its own between brackets, as in `spec.channels[type=telegram].enabled`. */
const pairOf = (option: string, text: string): readonly [name: string, value: string] => {
  const { name, value } = /^(?<name>(?:[^=[\]]|\[[^\]]*\])+)=(?<value>[^]*)$/.exec(text)?.groups ?? {};
  if (name === undefined || value === undefined)
    throw usageError(`${option} wants name=value, not '${printable(text)}'`);
  return [name, value];
};

/** As the template's field wants it; what does not fit is sent as it was written, and the server says why. */
const valueOf = ({ configurableFields }: Template, path: string, text: string): string | number | boolean => {
  const type = configurableFields.find((field) => field.path === path)?.type;
  if (type === 'number' && text.trim() !== '' && Number.isFinite(Number(text))) return Number(text);
  return type === 'boolean' && (text === 'true' || text === 'false') ? text === 'true' : text;
};
