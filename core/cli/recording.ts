// A recording, as the file exporter writes it: a line of OTLP/JSON for each request. `sampling try` and `pii test` read them.

import { open } from 'node:fs/promises'
import { createInterface } from 'node:readline'

/** Calls `each` with every line that is not blank. What it throws, and a file that cannot be read, is told with its place. */
export async function eachRecorded(file: string, each: (line: string) => Promise<void>): Promise<void> {
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${file} cannot be read: ${error.code === 'ENOENT' ? 'there is no such file' : error.message}`, { cause: error })
  })
  let number = 0
  for await (const line of createInterface({ input: handle.createReadStream(), crlfDelay: Infinity })) {
    number++
    if (line.trim() === '') continue
    try {
      await each(line)
    } catch (error) {
      const where = `${file}:${number}: ${(error as Error).message}`
      throw new Error(`${where}; accepted: a line of OTLP/JSON each, as the file exporter writes them`, { cause: error })
    }
  }
}
