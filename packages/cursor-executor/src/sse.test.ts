import { expect, test } from 'vitest';
import { type Frame, framesOf } from './sse.ts';

const text =
  ': opened\n\nevent: status\ndata: {"status":"RUNNING"}\n\nid: 1-0\nevent: assistant\ndata: {"text":"Grüße 👋"}\n\nid: 1-0\nevent: result\ndata: a\ndata: b\n\nevent: done\n\nid: 2-0\r\nevent: assistant\r\ndata:c\r\n\r\nevent: half\ndata: x';
const frames: readonly Frame[] = [
  { id: undefined, event: 'status', data: '{"status":"RUNNING"}' },
  { id: '1-0', event: 'assistant', data: '{"text":"Grüße 👋"}' },
  { id: '1-0', event: 'result', data: 'a\nb' },
  { id: '2-0', event: 'assistant', data: 'c' },
];

async function* inPieces(size: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

test.each([1, 2, 3, 7, 64, 10_000])('frames are whole however the bytes are cut: %d at a time', async (size) => {
  const read: Frame[] = [];
  for await (const frame of framesOf(inPieces(size))) read.push(frame);
  expect(read).toEqual(frames);
});
