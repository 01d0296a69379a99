// An address that no page has.

import { Link } from 'wouter';
import { Heading } from '../parts/heading.tsx';

export default function NotFoundPage() {
  return (
    <div className="page">
      <div className="page-head">
        <Heading>There is no such page</Heading>
      </div>
      <Link href="/">Go to the holds</Link>
    </div>
  );
}
