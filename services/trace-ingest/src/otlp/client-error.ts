// What is told to a connection that brings no whole request.
import type { Duplex } from 'node:stream';

/**
 * Answers in place of Node, which tells a request that took too long 408: senders of OTLP drop what is answered so, and
 * under load it is not their fault. 503 has them send it again. Source: opentelemetry-proto docs/specification.md,
 * "Retryable Response Codes".
 */
export const answerClientError = (error: NodeJS.ErrnoException, socket: Duplex): void => {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const head = heads[error.code ?? ''] ?? '400 Bad Request';
  socket.end(`HTTP/1.1 ${head}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`, () => socket.destroy());
};

const heads: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '503 Service Unavailable\r\nretry-after: 1',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
};
