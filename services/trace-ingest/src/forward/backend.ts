// Where spans are forwarded to, as two variables of the environment say it.
// Source: opentelemetry-specification, "OpenTelemetry Protocol Exporter": the path below a base address, and headers as
// `key=value` with commas between and percent-encoded values.

export type Backend = {
  /** Where requests go. */
  readonly url: string;
  /** Their values are secrets. */
  readonly headers: Readonly<Record<string, string>>;
};

const urlVariable = 'MOLTHUB_FORWARD_OTLP_URL';
const headersVariable = 'MOLTHUB_FORWARD_OTLP_HEADERS';

/** Null where nothing is to be forwarded. Throws one line that names the variable and the fix, and shows no value. */
export const backendOf = (address: string | undefined, headers: string | undefined): Backend | null => {
  if (address === undefined || address === '') {
    if (headers === undefined || headers === '') return null;
    throw new Error(`${headersVariable}: set ${urlVariable} too, or leave this out`);
  }
  return { url: tracesUrl(address), headers: headersOf(headers ?? '') };
};

const path = '/v1/traces';

const tracesUrl = (address: string): string => {
  const wrong = (fix: string) => new Error(`${urlVariable}: ${fix}`);
  const url = URL.parse(address);
  if (!url || !/^https?:$/.test(url.protocol)) throw wrong('write a base address such as https://otlp.example.com');
  if (url.username !== '' || url.password !== '')
    throw wrong(`leave out user and password; ${headersVariable} has them`);
  if (url.search !== '' || url.hash !== '') throw wrong('leave out what begins with ? or #');
  const base = url.pathname.replace(/\/+$/, '');
  if (base.endsWith(path)) throw wrong(`leave out ${path}; it is added`);
  return `${url.origin}${base}${path}`;
};

/** What says how a request is sent is Molthub's to say. */
const ours = /^(?:content-(?:type|length|encoding)|transfer-encoding|connection|host|expect|upgrade|te|trailer)$/i;

const headersOf = (text: string): Readonly<Record<string, string>> => {
  const headers: Record<string, string> = {};
  const entries = text.split(',').map((entry) => entry.trim());
  for (const [place, entry] of entries.entries()) {
    if (entry === '') continue;
    const wrong = (fix: string) => new Error(`${headersVariable}: entry ${place + 1}: ${fix}`);
    const [, key = '', encoded = ''] = /^([^=]*)=(.*)$/s.exec(entry) ?? [];
    const name = key.trim().toLowerCase();
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) throw wrong('write key=value, with commas between entries');
    if (ours.test(name)) throw wrong(`leave out ${name}; Molthub sets it`);
    if (name in headers) throw wrong(`leave out ${name}; an entry before says it`);
    const value = decoded(encoded.trim());
    if (value === null || !/^[\x20-\x7e]+$/.test(value)) {
      throw wrong(`write the value of ${name} in ASCII, with % and commas as %25 and %2C`);
    }
    headers[name] = value;
  }
  return headers;
};

const decoded = (value: string): string | null => {
  try {
    return decodeURIComponent(value);
  } catch {
    return null;
  }
};
