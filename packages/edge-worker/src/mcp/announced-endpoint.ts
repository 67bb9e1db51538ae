import { Transform } from 'node:stream';

/** Longer than what a server says before it tells where to send messages to. */
const longestEvent = 64 * 1024;

/**
 * Passes a stream of events on. In its `endpoint` event, by which a server of the older transport says where messages are to be sent to,
 * the address is replaced by what `replace` makes of its path and query. An address at another origin ends the stream with an error.
 */
export function announcedAt(server: URL, replace: (path: string) => string): Transform {
  let head: Buffer | undefined = Buffer.alloc(0);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (head === undefined) return done(null, chunk);
      head = Buffer.concat([head, chunk]);
      for (;;) {
        const end = /\r\n\r\n|\n\n|\r\r/.exec(head.toString('latin1'));
        if (!end) return done(head.length > longestEvent ? new Error('an event without an end') : null);
        const event = head.subarray(0, end.index).toString('utf8');
        const rest: Buffer = head.subarray(end.index + end[0].length);
        const lines = event.split(/\r\n|\n|\r/);
        if (!lines.some((line) => /^event: ?endpoint$/.test(line))) {
          this.push(`${event}${end[0]}`);
          head = rest;
          continue;
        }
        const data = lines.find((line) => line.startsWith('data:'))?.replace(/^data: ?/, '') ?? '';
        const told = URL.canParse(data, server.href) ? new URL(data, server) : undefined;
        if (told?.origin !== server.origin) return done(new Error('the endpoint is elsewhere'));
        this.push(`event: endpoint\ndata: ${replace(`${told.pathname}${told.search}`)}\n\n`);
        head = undefined;
        return done(null, rest);
      }
    },
    flush(done) {
      done(null, head);
    },
  });
}
