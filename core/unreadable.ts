// Why a file cannot be read, in words: whoever reads one that a configuration names puts the setting and the path before it.

export function whyUnreadable({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'EACCES') return 'not permitted'
  if (code === 'EISDIR') return 'it is a folder'
  return message
}
