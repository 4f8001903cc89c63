// Every figure that can be measured. Adding one: a file that exports a `Figure`, and a line here.
import { appendAgainstEmmett } from './append-against-emmett.ts';
import { groupCommit } from './group-commit.ts';
import type { Figure } from './measured.ts';
import { orderMillion } from './order-million.ts';
import { readModelVisible } from './read-model-visible.ts';
import { rebuildWhileServing } from './rebuild-while-serving.ts';

export const figures: readonly Figure[] = [
  appendAgainstEmmett,
  groupCommit,
  readModelVisible,
  rebuildWhileServing,
  orderMillion,
];
