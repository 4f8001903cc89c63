// How long a question to another service waits for its answer before it is asked anew.

/**
 * A question, or its answer, is lost where an operator drops it from the parked ones. So it is asked anew after this time,
 * and after twice as long each further time: a service that is away for a day does not find a day's questions.
 */
const answerWithinMinutes = 10;
const doublingsMax = 7;

/**
 * SQL: whether a question has had no answer for so long at the time `now` that it is asked anew. `askedAt`: when it was asked
 * last, null (and the answer too) where nobody waits; `asks`: how often it was asked.
 */
export const isUnanswered = ({
  askedAt,
  asks,
  now,
}: {
  readonly askedAt: string;
  readonly asks: string;
  readonly now: string;
}): string =>
  `${askedAt} <= ${now}::timestamptz - interval '${answerWithinMinutes} minutes' * power(2, least(${asks} - 1, ${doublingsMax}))`;
