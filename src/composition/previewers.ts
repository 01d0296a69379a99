// Who makes previews for which protocol, and what they need of the rest.

import { createMysqlPreviewer } from '../../protocols/mysql/preview.ts';
import { createPostgresPreviewer } from '../../protocols/postgres/preview.ts';
import type { DriverServices } from '../core/driver.ts';
import { Previews, type PreviewParts } from './previews.ts';

/** `services` are those of the drivers, which are there before anybody can look. */
export function openPreviews(parts: Omit<PreviewParts, 'previewers'>, services: () => Omit<DriverServices, 'targetNamed'>): Previews {
  return new Previews({
    ...parts,
    previewers: { postgres: createPostgresPreviewer(services), mysql: createMysqlPreviewer(services) },
  });
}
