export { check, type Findings } from './check.ts';
export { type Load, type SentCommand, startLoad } from './load.ts';
export { settle } from './settle.ts';
export { type SampleArguments, type SampleProcess, startSampleProcess } from './sample-process.ts';
