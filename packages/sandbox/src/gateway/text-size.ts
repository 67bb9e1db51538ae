/** Bytes that each letter has at most, as it is and written out; 0: not looked at yet. Made with the first text that is not plain ASCII. */
let sizes: Uint8Array | undefined;

/**
 * More bytes than this a text has neither as it is nor as tokenizers see it, some of which write one letter out in many (NFKC). Letter by letter:
 * to normalise a whole text takes minutes where somebody has piled up thousands of accents on one letter.
 */
export function longestWritten(text: string): number {
  const bytes = Buffer.byteLength(text);
  if (bytes === text.length) return bytes;
  sizes ??= new Uint8Array(0x11_00_00).fill(1, 0, 0x80);
  let sum = 0;
  for (let at = 0; at < text.length; at++) {
    let letter = text.charCodeAt(at);
    if (letter >= 0xd8_00 && letter < 0xdc_00) letter = text.codePointAt(at) ?? letter;
    if (letter > 0xff_ff) at++;
    let size = sizes[letter];
    if (!size) sizes[letter] = size = sizeOf(letter);
    sum += size;
  }
  return sum;
}

function sizeOf(letter: number): number {
  const text = String.fromCodePoint(letter);
  return Math.max(Buffer.byteLength(text), Buffer.byteLength(text.normalize('NFKC')));
}
