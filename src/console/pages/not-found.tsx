// An address that no page has.

import { Link } from 'wouter';
import { Empty } from '../parts/notes.tsx';

export default function NotFoundPage() {
  return (
    <Empty title="There is no such page">
      <Link href="/">Go to the holds</Link>
    </Empty>
  );
}
