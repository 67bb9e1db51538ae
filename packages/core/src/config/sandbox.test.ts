import { expect, test } from 'vitest';
import { egress } from './sandbox.ts';

test.each([
  'example.com',
  '*.example.com',
  'example.com:8443',
  'localhost:5432',
  '10.0.0.7',
  '10.0.0.7:5000',
  '[fd00::1]:443',
  'fd00::1',
  'registries',
  'my_host',
])('%s is a host', (entry) => expect(egress.parse({ egress: [entry], setupEgress: [entry] }).egress).toEqual([entry]));

test.each(['https://example.com', 'example.com/path', '*', '*.', 'exa mple.com', 'example.com:', '*example.com', 'g:h:i', ''])(
  '%j is none, and it is said how one looks',
  (entry) => {
    const { error } = egress.safeParse({ egress: [entry] });
    expect(error?.issues).toMatchObject([{ path: ['egress', 0], message: expect.stringContaining('"*.example.com"') }]);
  },
);
