// Who makes previews and estimates for which protocol, and what they need of the rest.

import { createMysqlPreviewer } from '../../protocols/mysql/preview.ts';
import { createPostgresPreviewer } from '../../protocols/postgres/preview.ts';
import type { DriverServices } from '../core/driver.ts';
import type { Previewer } from '../core/preview.ts';
import type { Protocol } from '../core/target.ts';
import { Estimates, type EstimateParts } from './estimates.ts';
import { Previews, type PreviewParts } from './previews.ts';

/** Those of the drivers, which are there before anybody can look. */
type Services = () => Omit<DriverServices, 'targetNamed'>;

export function openPreviews(parts: Omit<PreviewParts, 'previewers'>, services: Services): Previews {
  return new Previews({ ...parts, previewers: previewers(services) });
}

export function openEstimates(parts: Omit<EstimateParts, 'previewers'>, services: Services): Estimates {
  return new Estimates({ ...parts, previewers: previewers(services) });
}

function previewers(services: Services): Partial<Record<Protocol, Previewer>> {
  return { postgres: createPostgresPreviewer(services), mysql: createMysqlPreviewer(services) };
}
