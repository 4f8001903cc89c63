export { formatLogPosition, fromMessage, parseLogPosition, toMessage } from './cloud-event.ts';
export { type Commander, createCommander } from './commander.ts';
export { type Bus, type BusSettings, openBus } from './connect.ts';
export { type Checkpoint, type Delivered, readEvents } from './reader.ts';
export { type RelayProgress, type RelaySource, relay } from './relay.ts';
export { ensureCommandStream, ensureEventStream } from './stream.ts';
export { commandStream, commandSubject, eventStream, eventSubject, ownerOf, replySubject } from './subject.ts';
export { createWaker, onWake } from './wake.ts';
export { type Handled, takeCommands, tellOutcome } from './worker.ts';
