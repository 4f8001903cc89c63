// By which whoever is asked knows who asks: Standard Webhooks 1.0 (standardwebhooks.com), symmetric signatures.
import { createHmac } from 'node:crypto';

/**
 * Headers for one message. `id` is of this message alone; `key` are the bytes behind `whsec_`.
 * What is signed is `<id>.<timestamp>.<body>`, by HMAC-SHA256.
 */
export const signatureHeaders = (
  key: Uint8Array,
  { id, sentAt, body }: { readonly id: string; readonly sentAt: Date; readonly body: string },
): Readonly<Record<string, string>> => {
  const timestamp = String(Math.floor(sentAt.getTime() / 1_000));
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
};
