// A page that lists the operations of the document: self-contained, without scripts.
import { z } from 'zod';

const Document = z.object({
  info: z.object({ title: z.string(), version: z.string(), description: z.string() }),
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({
        summary: z.string(),
        tags: z.array(z.string()),
        'x-molthub-permission': z.string().optional(),
        parameters: z.array(z.object({ name: z.string(), in: z.string() }).loose()).optional(),
        requestBody: z.unknown().optional(),
        responses: z.record(z.string(), z.object({ description: z.string() }).loose()),
      }),
    ),
  ),
});
type Document = z.infer<typeof Document>;

const style = `body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
h2{margin-top:2.5rem;border-bottom:1px solid #d5d9de}details{margin:.4rem 0}summary{cursor:pointer}
code{background:#f0f2f4;padding:.1rem .3rem;border-radius:3px}b{display:inline-block;min-width:4.5rem}
pre{background:#f0f2f4;padding:.8rem;overflow:auto;font-size:13px}`;

/** The OpenAPI document as HTML. */
export const docsPage = (document: unknown): string => {
  const { info, paths } = Document.parse(document);
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
  );
  const tags = [...new Set(operations.flatMap((operation) => operation.tags))];
  const sections = tags.map(
    (tag) =>
      `<h2>${escaped(tag)}</h2>${operations
        .filter((o) => o.tags.includes(tag))
        .map(operationHtml)
        .join('')}`,
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escaped(info.title)}</title><style>${style}</style>
<h1>${escaped(info.title)} ${escaped(info.version)}</h1><p>${escaped(info.description)}</p>${sections.join('')}</html>`;
};

const operationHtml = ({
  path,
  method,
  ...operation
}: Document['paths'][string][string] & { path: string; method: string }) => {
  const takes = (operation.parameters ?? []).map((p) => `${p.name} (${p.in})`).join(', ');
  const permission = operation['x-molthub-permission'];
  return `<details><summary><b>${method.toUpperCase()}</b><code>${escaped(path)}</code> ${escaped(operation.summary)}</summary>
<p>${permission ? `Permission: <code>${escaped(permission)}</code>.` : 'No key needed.'} ${takes ? `Takes ${escaped(takes)}.` : ''}</p>
${operation.requestBody ? `<pre>${escaped(JSON.stringify(operation.requestBody, null, 2))}</pre>` : ''}
<p>Answers ${Object.entries(operation.responses)
    .map(([status, r]) => `<code>${escaped(status)}</code> ${escaped(r.description)}`)
    .join(' ')}</p></details>`;
};

const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
