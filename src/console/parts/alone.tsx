// A page without the console around it: signing in, and what a link outside leads to.

import type { ReactNode } from 'react';
import { Mark } from './mark.tsx';

export function Alone({ widthMax, children }: { readonly widthMax?: number; readonly children: ReactNode }) {
  return (
    <main className="alone">
      <div className="alone-box" style={widthMax === undefined ? undefined : { maxWidth: widthMax }}>
        <div className="alone-brand">
          <Mark size={28} /> Sallyport
        </div>
        {children}
      </div>
    </main>
  );
}

export function AlonePanel({ className = '', children }: { readonly className?: string; readonly children: ReactNode }) {
  return (
    <div className="panel">
      <div className={`panel-body ${className}`.trimEnd()}>{children}</div>
    </div>
  );
}
