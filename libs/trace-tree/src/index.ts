export { type Branch, buildTree, type Linked } from './build-tree.ts';
export { treeOf, type SpanRow, type TreeSpan } from './tree-of.ts';
