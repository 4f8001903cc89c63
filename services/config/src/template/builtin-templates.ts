// The templates that come with Molthub: what earlier systems had, as far as it is true of the OpenClaw of today.
import { type ConfigurableField, Template, type TemplateId } from '@molthub/contracts';
import type { z } from 'zod';

/** Raise it whenever anything below changes: the published view of templates is made anew only then. */
export const builtinRevision = 1;

/** Names that no workspace gives. */
export const isBuiltinName = (name: string): boolean => name.startsWith('builtin-');

type Builtin = { readonly id: z.infer<typeof TemplateId>; readonly version: number; readonly content: Template };
type Parts = Omit<z.input<typeof Template>, 'name' | 'engine' | 'configurableFields' | 'requiredSecrets'> &
  Partial<Pick<z.input<typeof Template>, 'configurableFields' | 'requiredSecrets'>>;

const builtin = (name: string, parts: Parts): Builtin => ({
  id: name,
  version: 1,
  content: Template.parse({ engine: 'openclaw', configurableFields: [], requiredSecrets: [], ...parts, name }),
});

type Field = z.input<typeof ConfigurableField>;

const model: Field = {
  path: 'spec.config.agents.defaults.model.primary',
  label: 'Model',
  description:
    'As provider/model, such as anthropic/claude-sonnet-4-5. Left out, OpenClaw asks for one when it is set up.',
  type: 'string',
};
const logLevel: Field = {
  path: 'spec.config.logging.level',
  label: 'Log level',
  type: 'select',
  default: 'info',
  options: ['debug', 'info', 'warn', 'error'].map((value) => ({ value, label: value })),
};
const dmPolicy = (channel: string): Field => ({
  path: `spec.config.channels.${channel}.dmPolicy`,
  label: 'Who may write to it',
  description: 'Whoever paired with it, or nobody.',
  type: 'select',
  default: 'pairing',
  options: [
    { value: 'pairing', label: 'Whoever paired with it' },
    { value: 'disabled', label: 'Nobody directly' },
  ],
});

const from = (secret: string): string => `\${${secret}}`;
const secret = (name: string, description: string) => ({ name, description });
/** Answers where it is asked by those it knows, and keeps conversations apart. */
const channel = (more: Record<string, unknown>) => ({ enabled: true, groupPolicy: 'allowlist', ...more });
const apart = { session: { dmScope: 'per-channel-peer' } } as const;
const sandboxed = { agents: { defaults: { sandbox: { mode: 'all', workspaceAccess: 'ro' } } } } as const;

const telegram = channel({ botToken: from('TELEGRAM_TOKEN') });
const discord = channel({ token: from('DISCORD_TOKEN') });
const slack = channel({ mode: 'socket', botToken: from('SLACK_BOT_TOKEN'), appToken: from('SLACK_APP_TOKEN') });
const telegramSecret = secret('TELEGRAM_TOKEN', 'The token that BotFather gave.');
const discordSecret = secret('DISCORD_TOKEN', 'The token of the Discord application’s bot.');
const slackSecrets = [
  secret('SLACK_BOT_TOKEN', 'The bot token of the Slack app.'),
  secret('SLACK_APP_TOKEN', 'The app-level token of the Slack app, for socket mode.'),
];

export const builtinTemplates: readonly Builtin[] = [
  builtin('builtin-minimal-bot', {
    description: 'An OpenClaw without channels: a gateway to talk to, and little else.',
    category: 'minimal',
    configurableFields: [model, logLevel],
    manifest: { spec: { runtime: { cpu: 0.25, memory: 1024 } } },
  }),
  builtin('builtin-slack-bot', {
    description: 'A small bot in Slack that may use the skills weather and github.',
    category: 'slack',
    configurableFields: [model, logLevel, dmPolicy('slack')],
    requiredSecrets: slackSecrets,
    manifest: {
      spec: {
        runtime: { cpu: 0.5, memory: 1024 },
        config: { channels: { slack }, ...apart },
        skills: { mode: 'ALLOWLIST', allowlist: ['weather', 'github'] },
      },
    },
  }),
  builtin('builtin-webhook-bot', {
    description: 'A bot that other systems call over HTTP, with a token.',
    category: 'webhook',
    configurableFields: [
      model,
      logLevel,
      { path: 'spec.config.hooks.path', label: 'Path of the endpoint', type: 'string', default: '/hooks' },
    ],
    requiredSecrets: [secret('WEBHOOK_TOKEN', 'What callers send as bearer token.')],
    manifest: {
      spec: {
        runtime: { cpu: 0.5, memory: 1024 },
        network: { inbound: 'WEBHOOK', egressPreset: 'RESTRICTED' },
        config: { hooks: { enabled: true, token: from('WEBHOOK_TOKEN') } },
      },
    },
  }),
  builtin('builtin-whatsapp-personal', {
    description: 'A personal assistant on WhatsApp; it is paired by a code after its start.',
    category: 'communication',
    configurableFields: [model, logLevel, dmPolicy('whatsapp')],
    manifest: { spec: { config: { channels: { whatsapp: channel({ sendReadReceipts: true }) }, ...apart } } },
  }),
  builtin('builtin-telegram-bot', {
    description: 'A bot on Telegram.',
    category: 'communication',
    configurableFields: [model, logLevel, dmPolicy('telegram')],
    requiredSecrets: [telegramSecret],
    manifest: { spec: { config: { channels: { telegram }, ...apart } } },
  }),
  builtin('builtin-discord-server', {
    description: 'A bot in the channels of a Discord server that name it.',
    category: 'communication',
    configurableFields: [model, logLevel, dmPolicy('discord')],
    requiredSecrets: [discordSecret],
    manifest: { spec: { config: { channels: { discord }, ...apart } } },
  }),
  builtin('builtin-slack-workspace', {
    description: 'A bot for a whole Slack workspace, in socket mode.',
    category: 'communication',
    configurableFields: [model, logLevel, dmPolicy('slack')],
    requiredSecrets: slackSecrets,
    manifest: { spec: { config: { channels: { slack }, ...apart } } },
  }),
  builtin('builtin-multi-channel', {
    description: 'One bot on Telegram, Discord and Slack, whose tools run in a sandbox.',
    category: 'operations',
    configurableFields: [model, logLevel],
    requiredSecrets: [telegramSecret, discordSecret, ...slackSecrets],
    manifest: { spec: { config: { channels: { telegram, discord, slack }, ...apart, ...sandboxed } } },
  }),
  builtin('builtin-coding-assistant', {
    description: 'A bot with the tools of a programmer, in a sandbox that may write to its workspace.',
    category: 'development',
    configurableFields: [
      { ...model, required: true },
      logLevel,
      {
        path: 'spec.config.agents.defaults.sandbox.workspaceAccess',
        label: 'Access to the workspace',
        type: 'select',
        default: 'rw',
        options: [
          { value: 'ro', label: 'Read only' },
          { value: 'rw', label: 'Read and write' },
        ],
      },
    ],
    manifest: {
      spec: {
        runtime: { cpu: 1, memory: 2048 },
        config: { tools: { profile: 'coding' }, agents: { defaults: { sandbox: { mode: 'all' } } } },
      },
    },
  }),
];
