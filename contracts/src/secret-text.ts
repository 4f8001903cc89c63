// Which names and which texts are secrets by what they are called or what they look like: the same for whoever refuses,
// warns or hides.

/** What the tokens of well-known issuers look like, in words that follow an `a`. Each is anchored, so that looking takes linear time. */
const issued: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ['key in the style of OpenAI', /^sk-[A-Za-z0-9_-]{12,}/],
  ['Stripe key', /^(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{8,}/],
  ['GitHub token', /^(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,})/],
  ['GitLab token', /^glpat-[A-Za-z0-9_-]{16,}/],
  ['Slack token', /^(?:xox[a-z]-|xapp-)[A-Za-z0-9-]{8,}/],
  ['key of AWS', /^(?:AKIA|ASIA)[0-9A-Z]{16}/],
  ['Google API key', /^AIza[A-Za-z0-9_-]{30,}/],
  ['token of npm', /^npm_[A-Za-z0-9]{20,}/],
  ['Hugging Face token', /^hf_[A-Za-z0-9]{20,}/],
  ['SendGrid key', /^SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}/],
  ['webhook signing secret', /^whsec_[A-Za-z0-9+/=]{16,}/],
  ['Telegram bot token', /^(?:bot)?[0-9]{6,12}:AA[A-Za-z0-9_-]{20,}/],
  ['Discord bot token', /^[MNO][A-Za-z0-9_-]{22,30}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{25,}/],
  ['JSON Web Token', /^eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/],
];
const privateKey = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY/;
const credentialsInUrl = /:\/\/[^\s/:@]*:[^\s/:@]+@/;
const reference = /\$\{[A-Za-z_][A-Za-z0-9_]{0,127}\}/g;
const betweenTokens = /[^A-Za-z0-9_.:+~-]+/;

/** Names whose value is a secret by what it is called: `botToken`, `api_key`, `CLIENT_SECRET`, `Authorization`. */
const secretName =
  /(?:^|[^a-z])(?:token|password|passwd|passphrase|secret|credential|authorization|bearer|cookie)$|(?:api|access|private|signing|encryption|secret|auth|service|account|app|bot)[^a-z]?keys?$|^apikeys?$|(?:^|(?:db|smtp|user|auth|proxy)[^a-z])pass$/;

/** Few names stand in many places, the items of a list share its name, and every event of the audit is looked through. */
const knownNames = new Map<string, boolean>();
const knownNamesMax = 2_000;

/** Whether a key of this name holds a secret, so that its value must not be shown. */
export const isSecretName = (name: string): boolean => {
  const last = name.slice(-128);
  const known = knownNames.get(last);
  if (known !== undefined) return known;
  // Camel case becomes words: botToken → bot-token; only the last words count, so tokenFile and maxTokens stay plain.
  const isSecret = secretName.test(last.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase());
  if (knownNames.size >= knownNamesMax) knownNames.clear();
  knownNames.set(last, isSecret);
  return isSecret;
};

/** A text without its `${NAME}`s, which are no secrets. */
export const withoutReferences = (text: string): string => (text.includes('${') ? text.replace(reference, ' ') : text);

/** Neither empty nor a reference: somebody wrote it out. */
export const isWritten = (text: string): boolean => text.trim() !== '' && withoutReferences(text) === text;

/** No issuer's form, and no key, is shorter. */
const tokenCharactersMin = 12;

/** What kind of secret a text is by its form, whatever it is called, or null. */
export const secretFormOf = (text: string): string | null => {
  if (text.length < tokenCharactersMin && !text.includes('@')) return null;
  const literal = withoutReferences(text);
  if (privateKey.test(literal)) return 'private key';
  for (const token of literal.split(betweenTokens)) {
    const kind = kindOfToken(token);
    if (kind !== null) return kind;
  }
  return credentialsInUrl.test(literal) ? 'password in an address' : null;
};

const kindOfToken = (token: string): string | null => {
  if (token.length < tokenCharactersMin) return null;
  for (const part of token.includes(':') ? [token, ...token.split(':')] : [token]) {
    const match = issued.find(([, pattern]) => pattern.test(part));
    if (match) return match[0];
  }
  return null;
};
