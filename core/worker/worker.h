/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * worker: plans on a thread of its own. One running job, one next job, one progress slot; a newer job cancels the
 * running one. A job's input is a copy of a session's settings with its revision.
 */
#ifndef SC_WORKER_H
#define SC_WORKER_H

#include "plan/plan.h"

struct sc_worker;
/* Starts the thread. The loader is borrowed, is called on that thread alone, and outlives the worker. NULL with an
 * error when memory, threads or descriptors are used up. */
struct sc_worker *sc_worker_new(const struct sc_loader *loader, struct sc_error *err);
void sc_worker_free(struct sc_worker *worker); /* cancels, joins; NULL is allowed */
/* A file descriptor that is readable while a result waits; poll it beside the terminal. */
int sc_worker_fd(const struct sc_worker *worker);
/* Plan these settings; replaces a job that waits, cancels the one that runs and drops its result. It works in rounds,
 * each with a multiple of the work of the one before, until the plan is proven (to the gap of the settings) or
 * `time_limit` seconds are over (0: no limit). A round that found a better plan, or knows more of it, has a result of
 * its own. Settings that were stopped before go on with the round that was cut. */
enum sc_status sc_worker_submit(struct sc_worker *worker, const struct sc_settings *settings, uint64_t revision,
                                double time_limit, struct sc_error *err);
/* Ask for exact Δ of a node of `plan`; replaces an earlier question. SC_CANCELLED, and nothing is asked, while a
 * plan is being made; dropped when a plan is submitted. Answers are found in limited work: what is not exact then is
 * a bound. */
enum sc_status sc_worker_submit_delta(struct sc_worker *worker, const struct sc_plan *plan, int node,
                                      struct sc_error *err);
/* Ask why an op (the result's `node`) does not run as `choice` (-1: as its best alternative): sc_plan_why against it.
 * Like sc_worker_submit_delta; of the two, too, only what was asked last is answered. */
enum sc_status sc_worker_submit_why(struct sc_worker *worker, const struct sc_plan *plan, int op, int choice,
                                    struct sc_error *err);
/* Ask what each of `lines` (commands of a session, one a line) would cost were it run on the plan's settings:
 * sc_planner_what_if of each, in order. Results follow one another while answers come in, the last one without `more`;
 * `tag` comes back with them. With `reasons`, why the one line that there is has no plan. Like sc_worker_submit_delta.
 */
enum sc_status sc_worker_submit_what_if(struct sc_worker *worker, const struct sc_plan *plan, const char *lines,
                                        int tag, bool reasons, struct sc_error *err);
/* Ask for the timeline of the plan under a schedule (sc_plan_schedule_input, sc_timeline_simulate) and what there is to
 * explain in it. Like sc_worker_submit_delta. */
enum sc_status sc_worker_submit_timeline(struct sc_worker *worker, const struct sc_plan *plan,
                                         enum sc_schedule schedule, int chunks, struct sc_error *err);
/* What runs, or was submitted and is about to: its best plan so far is its result, the same one when it was a result
 * already, or an error SC_CANCELLED. */
void sc_worker_cancel(struct sc_worker *worker);
bool sc_worker_idle(struct sc_worker *worker); /* nothing runs, waits or is unread */
/* Of the job that runs, or ran last; `started` is when that job began. */
struct sc_progress_value sc_worker_progress(struct sc_worker *worker);

/* The newest finished result; older ones are dropped. Clears the descriptor. */
enum sc_result_kind {
    SC_RESULT_NONE,
    SC_RESULT_PLAN,
    SC_RESULT_DELTA,
    SC_RESULT_WHY,
    SC_RESULT_WHAT_IF,
    SC_RESULT_TIMELINE,
    SC_RESULT_ERROR
};
struct sc_result {
    enum sc_result_kind kind;
    uint64_t revision;
    bool more; /* PLAN: it is being improved or proven; WHAT_IF: not all answers yet; another result follows */
    struct sc_plan *plan; /* PLAN: a reference that is the caller's; else the plan it belongs to, likewise */
    int node;             /* DELTA; WHY: the op; WHAT_IF: the tag; TIMELINE: the schedule */
    int choice;           /* WHY; TIMELINE: chunks */
    int count;            /* DELTA; WHAT_IF: lines */
    char *why;            /* WHY: sc_plan_why of the op against choice; WHAT_IF: reasons; TIMELINE: sentences */
    double *delta;        /* DELTA, WHAT_IF: the caller frees with sc_free; NAN: not known (yet) */
    bool *exact;
    struct sc_timeline *timeline; /* TIMELINE: the caller's */
    struct sc_error error;        /* ERROR */
};
/* Owned by the caller, who frees plan, why, delta, exact and timeline: sc_result_free. */
struct sc_result sc_worker_take(struct sc_worker *worker);
void sc_result_free(struct sc_result *result); /* what is still in it; leaves an empty one */

#endif
