/** Beyond what systems give out to outgoing connections, and what programs commonly listen on. */
export const firstDoorPort = 61_001;

/**
 * What keeps a closed network and its doors: a string, so that it needs no file beside a bundled service. Its argument is a JSON array of
 * `{port, socket}`. It says `ready` once all doors are open, and to a line with a port's number whether something listens there.
 * It ends with its input.
 */
export const bridgeProgram = `
const net = require('node:net');
const doors = JSON.parse(process.argv[1]);
const say = (line) => process.stdout.write(line + '\\n');
let closed = doors.length;
const opened = () => { if (closed-- <= 0) say('ready'); };
for (const { port, socket } of doors) {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (inner) => {
    const outer = net.connect({ path: socket, allowHalfOpen: true });
    inner.on('error', () => outer.destroy());
    outer.on('error', () => inner.destroy());
    inner.on('close', () => outer.destroy());
    outer.on('close', () => inner.destroySoon());
    inner.pipe(outer);
    outer.pipe(inner);
  });
  server.on('error', (error) => { console.error(error.message); process.exit(1); });
  server.listen(port, '127.0.0.1', opened);
}
opened();
function listens(port, hosts) {
  const host = hosts.shift();
  if (host === undefined) return say(port + ' no');
  const socket = net.connect({ port, host });
  socket.once('connect', () => { socket.resume().end(); say(port + ' yes'); });
  socket.once('error', () => listens(port, hosts));
}
let text = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk) => {
  text += chunk;
  for (let end; (end = text.indexOf('\\n')) >= 0; text = text.slice(end + 1)) listens(Number(text.slice(0, end)), ['127.0.0.1', '::1']);
});
process.stdin.on('end', () => process.exit(0));
process.stdin.on('error', () => process.exit(0));
`;
