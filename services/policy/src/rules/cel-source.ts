// A CEL expression written anew so that it counts its own work. The library has no limit on work and offers no place to
// put one, and its `matches` is JavaScript's, which a short hostile pattern holds up for seconds; text has room for both.
import type { ASTNode } from '@marcbachmann/cel-js';
import { unreachable } from '@molthub/decider';
import { WrongParameter } from './rule-type.ts';

/** Functions and macros that an expression may use, and how often it names what it goes through. */
const plainFunctions = new Set(['size', 'int', 'uint', 'double', 'string', 'bool', 'type', 'dyn']);
const plainMethods = new Set(['size', 'startsWith', 'endsWith']);
/** Ours instead of the library's: they spend from the meter before they begin, and do what CEL says of all of Unicode. */
const meteredMethods: ReadonlyMap<string, string> = new Map([
  ['contains', 'meteredContains'],
  ['matches', 'meteredMatches'],
  ['indexOf', 'meteredIndexOf'],
  ['lowerAscii', 'meteredLowerAscii'],
  ['upperAscii', 'meteredUpperAscii'],
  ['trim', 'meteredTrim'],
  ['substring', 'meteredSubstring'],
]);
const loops: ReadonlyMap<string, string> = new Map([
  // What a loop answers when the meter is empty ends it at once where that is possible.
  ['all', 'false'],
  ['exists', 'true'],
  ['exists_one', 'false'],
  ['filter', 'false'],
  ['map', 'dyn(0)'],
]);

export const loopDepthMax = 3;

/** The same expression, counting. Throws `WrongParameter` for what it may not use. */
export const meteredSource = (ast: ASTNode): string => write(ast, 0);

const wrong = (message: string) => new WrongParameter('expression', message);

/** Throws before anything deep is written: each loop goes through its items once for every item of the loop around it. */
const write = (node: ASTNode, depth: number): string => {
  const at = (child: ASTNode) => write(child, depth);
  // Comparing and joining take as long as the values are large; looking into them does not.
  const weighed = (child: ASTNode) => `weighed(${at(child)})`;
  switch (node.op) {
    case 'value':
      return literal(node.args);
    case 'id':
      return node.args;
    case '.':
      return `${at(node.args[0])}.${node.args[1]}`;
    case '[]':
      return `${at(node.args[0])}[${at(node.args[1])}]`;
    case 'list':
      return `[${node.args.map((item) => kept(item, at(item))).join(', ')}]`;
    case 'map':
      return map(node.args, at);
    case '?:':
      return `(${at(node.args[0])} ? dyn(${at(node.args[1])}) : dyn(${at(node.args[2])}))`;
    case '&&':
    case '||':
      return `(${at(node.args[0])} ${node.op} ${at(node.args[1])})`;
    case '!_':
      return `(!(${at(node.args)}))`;
    case '-_':
      return `(-(negatable(${at(node.args)})))`;
    case 'call':
      return call(node.args[0], node.args[1], depth);
    case 'rcall':
      return method(node.args[0], node.args[1], node.args[2], depth);
    case '.?':
    case '[?]':
      throw wrong('Optional access is not supported; use has(…).');
    case '==':
    case '!=':
    case '+':
    case '-':
    case '*':
    case '%': {
      const operand = isCheap(node.op, node.args) ? at : weighed;
      return `(${operand(node.args[0])} ${node.op} ${operand(node.args[1])})`;
    }
    case '/':
      return `(negatable(${at(node.args[0])}) / ${at(node.args[1])})`;
    case 'in': {
      const [item, items] = node.args;
      return `(${kept(item, isCheap('in', node.args) ? at(item) : weighed(item))} in ${isCheap('in', node.args) ? at(items) : weighed(items)})`;
    }
    // The library turns integers into doubles to compare them, which large ones do not survive.
    case '<':
      return `precedes(${at(node.args[0])}, ${at(node.args[1])})`;
    case '<=':
      return `precedesOrEquals(${at(node.args[0])}, ${at(node.args[1])})`;
    case '>':
      return `precedes(${at(node.args[1])}, ${at(node.args[0])})`;
    case '>=':
      return `precedesOrEquals(${at(node.args[1])}, ${at(node.args[0])})`;
    default:
      return unreachable(node);
  }
};

/** The library takes an unsigned integer in a list for another than the same number outside, so there are none. */
const kept = (node: ASTNode, written: string): string =>
  node.op === 'value' && typeof node.args !== 'object' ? `dyn(${written})` : `kept(${written})`;

/** Keys are text, whole numbers, true or false, each once; the library takes others, and the last of several. */
const map = (entries: readonly (readonly [ASTNode, ASTNode])[], at: (node: ASTNode) => string): string => {
  const keys = entries.map(([key]) => at(key));
  const written = `{${entries.map(([, value], index) => `${keys[index]}: ${kept(value, at(value))}`).join(', ')}}`;
  return keys.length === 0
    ? written
    : `withKeys([${entries.map(([key], index) => kept(key, `${keys[index]}`)).join(', ')}], ${written})`;
};

/** Arithmetic is of single values; so is a comparison with a value that is written out. */
const isCheap = (op: string, [left, right]: readonly [ASTNode, ASTNode]): boolean => {
  if (op === '==' || op === '!=') return left.op === 'value' || right.op === 'value';
  if (op === 'in') return right.op === 'list' && right.args.every((item) => item.op === 'value');
  return op !== '+';
};

const call = (name: string, args: readonly ASTNode[], depth: number): string => {
  // `has` reads its argument as a path, so nothing may be written into it.
  if (name === 'has') return `has(${args.map(pathOf).join(', ')})`;
  if (!plainFunctions.has(name)) throw wrong(`There is no function ${name}(…) here.`);
  const before = name === 'int' || name === 'uint' ? `${name}Sized` : 'weighed';
  return `${name}(${args.map((arg) => `${before}(${write(arg, depth)})`).join(', ')})`;
};

const pathOf = (node: ASTNode): string => {
  if (node.op === 'id') return node.args;
  if (node.op === '.') return `${pathOf(node.args[0])}.${node.args[1]}`;
  throw wrong('has(…) takes a path such as spec.network.inbound.');
};

const method = (name: string, receiver: ASTNode, args: readonly ASTNode[], depth: number): string => {
  const on = write(receiver, depth);
  const exhausted = loops.get(name);
  if (exhausted !== undefined) {
    if (depth >= loopDepthMax)
      throw wrong(`Put at most ${loopDepthMax} loops (all, exists, map, filter) into each other.`);
    const [variable, ...bodies] = args;
    if (variable?.op !== 'id') throw wrong(`${name}(…) takes a name first, such as ${name}(item, …).`);
    const written = bodies.map((body, index) => {
      const isTransform = name === 'map' && index === bodies.length - 1;
      const inner = write(body, depth + 1);
      return isTransform
        ? `(step() ? kept(${inner}) : dyn(0))`
        : `(step() ? ${inner} : ${name === 'map' ? 'false' : exhausted})`;
    });
    return `walked(${on}).${name}(${variable.args}, ${written.join(', ')})`;
  }
  const operands = args.map((arg) => `weighed(${write(arg, depth)})`);
  const metered = meteredMethods.get(name);
  if (metered !== undefined) return `${metered}(${[`weighed(${on})`, ...operands].join(', ')})`;
  if (!plainMethods.has(name)) throw wrong(`There is no function .${name}(…) here.`);
  return `weighed(${on}).${name}(${operands.join(', ')})`;
};

const literal = (value: unknown): string => {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint' || typeof value === 'boolean' || value === null) return String(value);
  const unsigned = typeof value === 'object' ? value?.valueOf() : undefined;
  if (typeof unsigned === 'bigint') return `${unsigned}u`;
  if (typeof value === 'number') return /[.eE]/.test(String(value)) ? String(value) : `${value}.0`;
  throw wrong('Only text, numbers, true, false and null can be written as values.');
};
