// What is wrong with a piece of YAML, and what to do, in words for whoever wrote it.
import type { ErrorCode } from 'yaml';

const words: Readonly<Record<ErrorCode, string>> = {
  ALIAS_PROPS: 'an alias (*name) can have no anchor and no tag of its own; remove them',
  BAD_ALIAS: 'an alias (*name) needs a name, and an anchor (&name) before it; quote a text that starts with *',
  BAD_COLLECTION_TYPE: 'a tag does not fit what it stands before; remove the tag',
  BAD_DIRECTIVE: 'a directive (% at the start of a line) that is not known; remove the line',
  BAD_DQ_ESCAPE: 'a backslash in double quotes that means nothing; write \\\\, or use single quotes',
  BAD_INDENT: 'indented otherwise than what it belongs to; line it up, and close every bracket',
  BAD_PROP_ORDER: 'an anchor or a tag in the wrong place; put it right before its value',
  BAD_SCALAR_START: 'a text cannot start with @ or ` unless it is quoted; quote it',
  BLOCK_AS_IMPLICIT_KEY: "a second ': ' in one line; quote the text, or put the inner map on lines of its own",
  BLOCK_IN_FLOW: 'lines of - or key: inside brackets; close the bracket first',
  DUPLICATE_KEY: 'a key is written twice; keep one',
  IMPOSSIBLE: 'this is no YAML',
  KEY_OVER_1024_CHARS: 'a key of more than 1024 characters; shorten it',
  MISSING_CHAR: 'a colon, comma, quote or bracket is missing; close what was opened',
  MULTILINE_IMPLICIT_KEY: 'a key that goes over several lines; a colon or a quote is missing before it',
  MULTIPLE_ANCHORS: 'two anchors on one value; keep one',
  MULTIPLE_DOCS: 'several documents in one; put --- between them',
  MULTIPLE_TAGS: 'two tags on one value; keep one',
  NON_STRING_KEY: 'a key that is a list or a map; keys are texts',
  RESOURCE_EXHAUSTION: 'larger or deeper than can be read; split it',
  TAB_AS_INDENT: 'indented by a tab; use blanks',
  TAG_RESOLVE_FAILED: 'a tag (!name) that is not known; remove it: values are plain texts, numbers, lists and maps',
  UNEXPECTED_TOKEN:
    'something that cannot stand here; a bracket, a quote or a colon before it is one too many or missing',
};

/** The sentence for one of the library's errors. */
export const yamlWords = (code: ErrorCode): string => words[code];
