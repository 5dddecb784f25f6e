// Patterns of attribute keys as the Collector's `glob` has them: `*` and `?` do not cross a dot, `**` does; `[a-c]`, `[!a]`, `{a,b}`, and a
// backslash before a character that means itself.

/** @throws SyntaxError for what is none. */
export function globPattern(glob: string): RegExp {
  let source = ''
  let depth = 0
  for (let i = 0; i < glob.length; i++) {
    const character = glob[i]!
    if (character === '*') {
      if (glob[i + 1] === '*') i++
      source += glob[i - 1] === '*' && i > 0 ? '.*' : '[^.]*'
    } else if (character === '?') source += '[^.]'
    else if (character === '[') {
      const end = glob.indexOf(']', i + 2)
      if (end < 0) throw new SyntaxError('a [ has no ]')
      source += classOf(glob.slice(i + 1, end))
      i = end
    } else if (character === '{') {
      depth++
      source += '(?:'
    } else if (character === '}' && depth > 0) {
      depth--
      source += ')'
    } else if (character === ',' && depth > 0) source += '|'
    else if (character === '\\' && i + 1 < glob.length) source += escaped(glob[++i]!)
    else source += escaped(character)
  }
  if (depth > 0) throw new SyntaxError('a { has no }')
  return new RegExp(`^(?:${source})$`, 'su')
}

function escaped(character: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(character) ? `\\${character}` : character
}

function classOf(inner: string): string {
  const not = inner.startsWith('!')
  const members = (not ? inner.slice(1) : inner).replaceAll(/[\\\]^[]/g, '\\$&')
  return `[${not ? '^' : ''}${members}]`
}
