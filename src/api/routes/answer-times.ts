// How holds were answered, by rule, for everybody who answers, watches or runs the gateway: which rule costs how much waiting, and which
// is always approved. No text, no person.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { callerOf, mustHave } from '../authentication.ts';
import type { AnswerTimesView } from '../contract-answers.ts';
import { timeFilter } from '../request-schemas.ts';
import { gives } from '../responses.ts';
import type { ApiServices } from '../services.ts';

const defaultSpanMs = 30 * 86_400_000;

const answerTimesView: z.ZodType<AnswerTimesView> = z
  .object({
    since: z.string(),
    holds: z.int(),
    rules: z.array(
      z.object({
        rule: z.string(),
        rule_title: z.string(),
        settled: z.object({
          approved: z.int(),
          denied: z.int(),
          changes_requested: z.int(),
          expired: z.int(),
          withdrawn: z.int(),
        }),
        half_within_ms: z.number().nullable(),
        nine_of_ten_within_ms: z.number().nullable(),
      }),
    ),
  })
  .meta({ id: 'AnswerTimes' });

export function answerTimesRoutes(services: ApiServices): FastifyPluginAsyncZod {
  return async (app) => {
    app.route({
      method: 'GET',
      url: '/answer-times',
      schema: {
        summary: 'How holds were answered, by rule: how often, and how soon',
        description: 'Of those placed since then, without a time in the last 30 days; of very many only the newest are counted.',
        tags: ['holds'],
        querystring: z.strictObject({ since: timeFilter }),
        response: gives(answerTimesView),
      },
      handler: async (request) => {
        mustHave(callerOf(request, services), ['approve', 'audit', 'operate'], 'seeing how holds were answered');
        return services.answerTimes(request.query.since ?? services.clock.nowMs() - defaultSpanMs);
      },
    });
  };
}
