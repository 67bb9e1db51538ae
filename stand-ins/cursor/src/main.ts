/** Placeholder until the stand-in is written. */
process.exitCode = 2;
