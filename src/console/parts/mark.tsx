// The mark: two gates, one behind the other. The inner one is closed, and amber, until somebody opens it.

export function Mark({ size = 22 }: { readonly size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
      <path d="M3.5 21.5V11a8.5 8.5 0 0 1 17 0v10.5" fill="none" stroke="currentColor" strokeWidth="2.2" strokeLinecap="round" />
      <path d="M8 21.5V12a4 4 0 0 1 8 0v9.5z" fill="var(--sp-wait-solid)" />
    </svg>
  );
}
