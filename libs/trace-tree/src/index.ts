export { type Branch, buildTree, type Linked } from './build-tree.ts';
export { type SpanRow, type TreeSpan, treeOf } from './tree-of.ts';
