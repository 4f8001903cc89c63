// The shells that completion scripts are made for.
export const shells = ['bash', 'zsh', 'fish'] as const;
