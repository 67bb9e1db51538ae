/** A program that migrates the database of its argument and prints the versions it applied. */
import { migrate } from '../src/migrate.ts';

console.log(JSON.stringify(await migrate(JSON.parse(process.argv[2] ?? '{}'))));
