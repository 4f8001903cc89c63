// Which attributes are content: prompts, messages, what tools were given and answered. Sources: OpenTelemetry's GenAI
// conventions, old and new; OpenInference; OpenLLMetry; OpenClaw.

const whole = new Set([
  'gen_ai.input.messages',
  'gen_ai.output.messages',
  'gen_ai.system_instructions',
  'gen_ai.tool.definitions',
  'gen_ai.tool.call.arguments',
  'gen_ai.tool.call.result',
  'input.value',
  'output.value',
  'traceloop.entity.input',
  'traceloop.entity.output',
  'openclaw.prompt',
  'openclaw.tool.params',
  'openclaw.tool.result',
]);
const beginnings = [
  'gen_ai.prompt',
  'gen_ai.completion',
  'llm.input_messages',
  'llm.output_messages',
  'llm.prompts',
  'openclaw.content',
];

export const isContentKey = (key: string): boolean =>
  whole.has(key) || beginnings.some((beginning) => key.startsWith(beginning));

const events = new Set([
  'gen_ai.user.message',
  'gen_ai.system.message',
  'gen_ai.assistant.message',
  'gen_ai.tool.message',
  'gen_ai.choice',
]);
/** What such an event says beside its content. */
const besideContent = new Set([
  'gen_ai.system',
  'gen_ai.provider.name',
  'event.name',
  'role',
  'id',
  'index',
  'finish_reason',
]);

export const isContentEvent = (name: string): boolean => events.has(name) || name.startsWith('gen_ai.content.');

export const isContentOfEvent = (key: string): boolean => !besideContent.has(key);
