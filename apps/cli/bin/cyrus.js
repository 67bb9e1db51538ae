#!/usr/bin/env node
// Parses and runs on any Node from 14 on: no static imports, no new syntax.
var version = process.versions.node.split('.').map(Number);
if (version[0] < 22 || (version[0] === 22 && version[1] < 12)) {
  console.error(
    'cyrus needs Node.js >= 22.12; this is ' + process.version + ' (' + process.execPath + '). Install a current Node.js and run it again.',
  );
  process.exitCode = 78;
} else {
  import('../dist/main.js');
}
