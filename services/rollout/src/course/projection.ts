// The course of change sets in rows: approvals, what gates say, and the steps of a run.
import {
  AnalysisSkipped,
  ChangeSetApproved,
  ChangeSetDeclined,
  ChangeSetExpired,
  ChangeSetPaused,
  ChangeSetPromoted,
  ChangeSetResumed,
  GateJudged,
  WavePassed,
  WaveSettled,
} from '@molthub/contracts';
import { type Sql, when } from '@molthub/event-store';

export const courseTables = `
  create table gates (
    workspace text not null, change_set_id uuid not null, wave int not null, gate text not null, verdict text not null,
    message text not null, evidence jsonb not null, judged_at timestamptz not null,
    primary key (change_set_id, wave, gate)
  );
  create table approvals (
    workspace text not null, change_set_id uuid not null, approver jsonb not null, role text not null,
    reason text not null, approved_at timestamptz not null
  );
  create index on approvals (change_set_id);
`;

export const courseViews = {
  gates: 'select workspace, change_set_id, wave, gate, verdict, message, evidence, judged_at from gates',
  approvals: 'select workspace, change_set_id, approver, role, reason, approved_at from approvals',
};

/** Every fact of a change set moves its version on: releases rest on it. */
const moved = (sql: Sql, changeSetId: string, version: number) =>
  sql('update change_sets set version = $2 where id = $1', [changeSetId, version]);

const stated = (sql: Sql, changeSetId: string, status: string, message: string, version: number) =>
  sql('update change_sets set status = $2, message = $3, version = $4 where id = $1', [
    changeSetId,
    status,
    message,
    version,
  ]);

/** `ends` closes a change set and leaves its untouched bots as they are. */
export const courseHandlers = (
  ends: (
    sql: Sql,
    end: { changeSetId: string; status: string; message: string; time: string; version: number },
  ) => Promise<unknown>,
) => [
  when(ChangeSetApproved, ({ workspace, data, version }, sql) =>
    Promise.all([
      sql('insert into approvals values ($1, $2, $3, $4, $5, $6)', [
        workspace,
        data.changeSetId,
        JSON.stringify(data.approver),
        data.role,
        data.reason,
        data.at,
      ]),
      data.approvals >= data.needed
        ? stated(sql, data.changeSetId, 'APPROVED', '', version)
        : moved(sql, data.changeSetId, version),
    ]),
  ),
  when(ChangeSetDeclined, ({ data: { changeSetId, approver, reason }, time, version }, sql) => {
    const message = `Declined by ${approver.name}${reason === '' ? '.' : `: ${reason}`}`;
    return ends(sql, { changeSetId, status: 'ABORTED', message, time, version });
  }),
  when(ChangeSetExpired, ({ data: { changeSetId, message }, time, version }, sql) =>
    ends(sql, { changeSetId, status: 'EXPIRED', message, time, version }),
  ),
  when(ChangeSetPaused, ({ data, version }, sql) => stated(sql, data.changeSetId, 'PAUSED', data.reason, version)),
  when(ChangeSetResumed, ({ data, version }, sql) => stated(sql, data.changeSetId, 'RUNNING', '', version)),
  when(WaveSettled, ({ data, version }, sql) => moved(sql, data.changeSetId, version)),
  when(WavePassed, ({ data, version }, sql) => moved(sql, data.changeSetId, version)),
  when(ChangeSetPromoted, ({ data, version }, sql) => moved(sql, data.changeSetId, version)),
  when(AnalysisSkipped, ({ data, version }, sql) => moved(sql, data.changeSetId, version)),
  when(GateJudged, ({ workspace, data, version }, sql) =>
    Promise.all([
      sql(
        `insert into gates values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (change_set_id, wave, gate) do update set verdict = excluded.verdict, message = excluded.message,
           evidence = excluded.evidence, judged_at = excluded.judged_at`,
        [
          workspace,
          data.changeSetId,
          data.wave,
          data.gate,
          data.verdict,
          data.message,
          JSON.stringify(data.evidence),
          data.at,
        ],
      ),
      moved(sql, data.changeSetId, version),
    ]),
  ),
];
