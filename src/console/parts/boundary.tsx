// Catches what a page throws while it is drawn (a chunk that did not load, a field that is missing), so that the rest stays.

import { Button } from '@mantine/core';
import { Component } from 'react';
import type { ReactNode } from 'react';

export class PageBoundary extends Component<{ readonly children: ReactNode }, { readonly failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <div className="empty" role="alert">
        <strong>This page could not be shown</strong>
        <p>The console may have been updated meanwhile, or the connection broke. Nothing was approved or denied by this.</p>
        <Button onClick={() => location.reload()}>Load again</Button>
      </div>
    );
  }
}
