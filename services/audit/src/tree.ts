// The Merkle tree as it is stored: one row that is locked by whoever appends, and the complete subtrees of kept levels.
import type { Sql } from '@molthub/event-store';
import { append, emptyFrontier, type Frontier, levelStep, peaksOf, rootOf, type Subtree } from './merkle.ts';

const hashBytes = 32;
/** 2^40 leaves are more than any installation will have. */
const levels = [32, 24, 16, 8, 0];

export const treeTables = `
  create table tree (id boolean primary key default true check (id), size bigint not null, peaks bytea not null);
  insert into tree (size, peaks) values (0, '');
  create table nodes (level smallint, index bigint, hash bytea not null, primary key (level, index));
`;

/** The tree's frontier, locked until the transaction ends: leaves get their places one batch after the other. */
export const lockFrontier = async (sql: Sql): Promise<Frontier> => {
  const [row] = await sql<{ size: string; peaks: Buffer }>('select size, peaks from tree for update');
  if (!row) throw new Error('The row of the audit tree is gone; restore the audit schema from a backup.');
  const size = Number(row.size);
  const peaks = Array.from({ length: row.peaks.length / hashBytes }, (_, at) =>
    row.peaks.subarray(at * hashBytes, (at + 1) * hashBytes),
  );
  if (peaks.length !== peaksOf(size)) throw damaged(size);
  return { size, peaks };
};

export const saveFrontier = async (frontier: Frontier, subtrees: readonly Subtree[], sql: Sql): Promise<void> => {
  await sql('update tree set size = $1, peaks = $2', [frontier.size, Buffer.concat(frontier.peaks)]);
  if (subtrees.length === 0) return;
  await sql(`insert into nodes (level, index, hash) select * from unnest($1::smallint[], $2::bigint[], $3::bytea[])`, [
    subtrees.map(({ level }) => level),
    subtrees.map(({ index }) => index),
    subtrees.map(({ hash }) => hash),
  ]);
};

/** The frontier at any size up to the present one, from stored leaves and subtrees: at most 256 hashes per level. */
export const frontierAt = async (size: number, sql: Sql): Promise<Frontier> => {
  const peaks: Buffer[] = [];
  for (const level of levels) {
    const until = Math.floor(size / 2 ** level);
    const from = Math.floor(size / 2 ** (level + levelStep)) * 2 ** levelStep;
    if (from >= until) continue;
    const rows = await sql<{ hash: Buffer }>(
      level === 0
        ? 'select hash from entries where sequence >= $1 and sequence < $2 order by sequence'
        : `select hash from nodes where level = ${level} and index >= $1 and index < $2 order by index`,
      [from, until],
    );
    if (rows.length !== until - from) throw damaged(size);
    peaks.push(
      ...append(
        emptyFrontier,
        rows.map(({ hash }) => hash),
      ).frontier.peaks,
    );
  }
  return { size, peaks };
};

/** Compares the frontier that appending goes on from with what the stored entries say. */
export const verifyFrontier = async (frontier: Frontier, sql: Sql): Promise<void> => {
  const [last] = await sql<{ size: string }>('select coalesce(max(sequence) + 1, 0) as size from entries');
  const stored = await frontierAt(frontier.size, sql);
  if (Number(last?.size) !== frontier.size || !rootOf(stored).equals(rootOf(frontier))) throw damaged(frontier.size);
};

const damaged = (size: number): Error =>
  new Error(
    `The audit tree of ${size} leaves does not match its stored entries: the record was changed or lost outside of ` +
      'Molthub. Nothing is appended to it; keep the database as it is and restore the audit schema from a backup.',
  );
