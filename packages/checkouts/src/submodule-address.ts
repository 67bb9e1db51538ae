import { FailureError } from 'cyrus-core/failure';

/** The address of a submodule: `./` and `../` go from the address of the repository it is in, as git has it; never to another host. */
export function relativeAddress(parent: string, url: string): string {
  if (!/^\.{1,2}\//.test(url)) return url;
  const [, fixed = '', path = ''] = /^([a-z]+:\/\/[^/]+|[^/:]+:(?!\/\/)|)(.*)$/i.exec(parent.replace(/\/+$/, '')) ?? [];
  const parts = path.split('/');
  let rest = url;
  for (;;) {
    if (rest.startsWith('./')) rest = rest.slice(2);
    else if (rest.startsWith('../')) {
      rest = rest.slice(3);
      const gone = parts.pop();
      if (gone === undefined || gone === '') throw outside(url);
    } else break;
  }
  return `${fixed}${[...parts, rest].join('/')}`;
}

const outside = (url: string): FailureError =>
  new FailureError({ class: 'invalid_request', message: `${JSON.stringify(url.slice(0, 200))} leads out of the host it is on.` });
