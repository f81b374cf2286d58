/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The worker by itself, with an engine that takes as long as it is told: what replaces, cancels and follows what.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "plan/internal.h"
#include "support/faults.h"
#include "wait.h"
#include "worker/internal.h"

/* ---- the engine ---- */

/* What a job does is in its settings: `devices` ticks of half a millisecond, then a plan. The `mode` says how it ends.
 * With `microbatches` it needs so much work to prove a plan, and until then finds one that is better by a second each
 * time it has half of what it had not. */
enum { ENDS_WELL = SC_TRAIN, KEEPS_BEST = SC_PREFILL, FAILS = SC_DECODE };

static struct {
    atomic_int started, ended, running, most_running, plans, deltas;
    atomic_bool closed;          /* a gate that jobs wait at, whatever else they are told */
    atomic_int hold;             /* as the gate, for plans after so many; 0: never */
    _Atomic uint64_t work_limit; /* of the last plan that was asked for */
    atomic_bool signals_right;
    pthread_t thread;
} engine;

static void begin(void)
{
    assert_true(pthread_equal(engine.thread, pthread_self()));
    int running = atomic_fetch_add(&engine.running, 1) + 1;
    if (running > engine.most_running)
        engine.most_running = running;
    while (engine.closed || (engine.hold && engine.plans >= engine.hold))
        sleep_seconds(0.0005);
}

static void *fake_start(const struct sc_loader *loader)
{
    sigset_t mask;
    engine.thread = pthread_self();
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    engine.signals_right = sigismember(&mask, SIGINT) && sigismember(&mask, SIGTERM) && sigismember(&mask, SIGHUP) &&
                           sigismember(&mask, SIGWINCH) && !sigismember(&mask, SIGSEGV) && !sigismember(&mask, SIGABRT);
    engine.started++;
    return loader ? (void *)(uintptr_t)loader : (void *)&engine;
}

static void fake_stop(void *made)
{
    assert_non_null(made);
    engine.ended++;
}

static struct sc_plan *fake_plan_new(const struct sc_plan_request *request, enum sc_solve_status status)
{
    struct plan_full *full = sc_alloc(sizeof *full);
    if (!full)
        return NULL;
    full->references = 1;
    full->plan.revision = request->revision;
    full->plan.status = status;
    sc_settings_init(&full->plan.settings);
    if (sc_settings_copy(&full->plan.settings, request->settings))
        return &full->plan;
    sc_plan_free(&full->plan);
    return NULL;
}

static enum sc_status fake_plan(void *made, const struct sc_plan_request *request, struct sc_plan **out,
                                struct sc_error *err)
{
    assert_non_null(made);
    assert_true(request->deltas);
    begin();
    int ends = (int)request->settings->mode;
    bool stopped = false;
    uint64_t needed = (uint64_t)request->settings->microbatches;
    bool cut = request->work_limit && needed > request->work_limit;
    engine.work_limit = request->work_limit;
    if (needed)
        sc_cancel_work(request->cancel, cut ? request->work_limit : needed);
    for (int64_t i = 0; i < request->settings->devices && !stopped; i++) {
        sc_progress_set(request->progress, "ticking", 100.0 - (double)i, (double)i);
        sleep_seconds(0.0005);
        stopped = sc_cancelled(request->cancel);
    }
    engine.running--;
    engine.plans++;
    if (ends == FAILS)
        return sc_fail(err, SC_INPUT, "the model of revision %d is bad", (int)request->revision);
    if (stopped && ends != KEEPS_BEST)
        return sc_fail(err, SC_CANCELLED, "cancelled");
    *out = fake_plan_new(request, stopped || cut ? SC_SOLVED_FEASIBLE : SC_SOLVED_OPTIMAL);
    if (*out && needed) {
        static const int choice;
        (*out)->choice = &choice;
        (*out)->gap = cut ? 0.1 : 0;
        (*out)->objective_s = cut && 2 * request->work_limit < needed ? 2 : 1;
        (*out)->bound_s = cut ? 0.5 : (*out)->objective_s;
    }
    return *out ? SC_OK : sc_fail(err, SC_NO_MEMORY, "no memory");
}

static enum sc_status fake_delta(const struct sc_plan *plan, int node, struct sc_cancel *cancel, struct sc_result *out,
                                 struct sc_error *err)
{
    begin();
    engine.deltas++;
    for (int64_t i = 0; i < plan->settings.batch && !sc_cancelled(cancel); i++)
        sleep_seconds(0.0005);
    engine.running--;
    out->count = 2;
    out->delta = sc_calloc(2, sizeof *out->delta);
    out->exact = sc_calloc(2, sizeof *out->exact);
    if (!out->delta || !out->exact)
        return sc_fail(err, SC_NO_MEMORY, "no memory");
    out->delta[1] = node;
    return node < 0 ? sc_fail(err, SC_USAGE, "no such node") : SC_OK;
}

static enum sc_status fake_why(const struct sc_plan *plan, int node, int choice, struct sc_cancel *cancel,
                               struct sc_result *out, struct sc_error *err)
{
    (void)cancel;
    begin();
    engine.running--;
    out->why = sc_alloc(64);
    if (!out->why)
        return sc_fail(err, SC_NO_MEMORY, "no memory");
    snprintf(out->why, 64, "plan %d, node %d, not %d", (int)plan->revision, node, choice);
    return SC_OK;
}

/* The line is the difference; "wait" is one that takes until it is cancelled. */
static enum sc_status fake_what_if(void *made, const struct sc_plan *plan, const char *line, bool reasons,
                                   struct sc_cancel *cancel, double *delta, bool *exact, char **why,
                                   struct sc_error *err)
{
    assert_non_null(made);
    assert_non_null(plan);
    begin();
    while (strcmp(line, "wait") == 0 && !sc_cancelled(cancel))
        sleep_seconds(0.0005);
    engine.running--;
    *delta = strtod(line, NULL);
    *exact = *delta < 10;
    if (reasons && (*why = sc_alloc(strlen(line) + 1)))
        strcpy(*why, line);
    return sc_cancelled(cancel) ? sc_fail(err, SC_CANCELLED, "cancelled") : SC_OK;
}

static enum sc_status fake_timeline(const struct sc_plan *plan, enum sc_schedule schedule, int chunks,
                                    struct sc_cancel *cancel, struct sc_result *out, struct sc_error *err)
{
    struct sc_schedule_stage stage = {.forward_s = 1, .backward_s = 2};
    struct sc_schedule_input input = {schedule, 1, 4, chunks, &stage};
    assert_non_null(plan);
    begin();
    engine.running--;
    return sc_timeline_simulate(&input, cancel, &out->timeline, err);
}

static const struct worker_engine fake = {fake_start, fake_stop,    fake_plan,    fake_delta,
                                          fake_why,   fake_what_if, fake_timeline};

static struct sc_worker *new_worker(void)
{
    struct sc_error err = {0};
    memset(&engine, 0, sizeof engine);
    struct sc_worker *worker = worker_new_with(&fake, NULL, &err);
    if (!worker)
        fail_msg("%s", err.message);
    return worker;
}

static void free_worker(struct sc_worker *worker)
{
    sc_worker_free(worker);
    assert_int_equal(engine.started, 1);
    assert_int_equal(engine.ended, 1);
    assert_int_equal(engine.running, 0);
    assert_true(engine.most_running <= 1);
}

static void submit(struct sc_worker *worker, uint64_t revision, int64_t ticks, int ends)
{
    struct sc_settings settings;
    sc_settings_init(&settings);
    settings.devices = ticks;
    settings.mode = (enum sc_mode)ends;
    assert_int_equal(sc_worker_submit(worker, &settings, revision, 0, NULL), SC_OK);
}

static void wait_running(struct sc_worker *worker)
{
    for (int i = 0; i < 60000 && !engine.running; i++)
        sleep_seconds(0.001);
    assert_int_equal(engine.running, 1);
    assert_false(sc_worker_idle(worker));
}

/* The plan of a job that ends at once. */
static struct sc_plan *make_plan(struct sc_worker *worker, uint64_t revision)
{
    submit(worker, revision, 0, ENDS_WELL);
    struct sc_result result = wait_result(worker);
    assert_int_equal(result.kind, SC_RESULT_PLAN);
    return result.plan;
}

/* ---- tests ---- */

static void results_arrive(void **state)
{
    (void)state;
    struct sc_worker *worker = new_worker();
    assert_true(sc_worker_idle(worker));
    assert_false(is_readable(worker));
    assert_int_equal(sc_worker_take(worker).kind, SC_RESULT_NONE);
    for (uint64_t revision = 1; revision <= 5; revision++) {
        submit(worker, revision, 3, ENDS_WELL);
        assert_false(sc_worker_idle(worker));
        struct sc_result result = wait_result(worker);
        assert_int_equal(result.kind, SC_RESULT_PLAN);
        assert_int_equal(result.revision, revision);
        assert_int_equal(result.plan->revision, revision);
        assert_int_equal(result.plan->settings.devices, 3);
        assert_int_equal(result.plan->status, SC_SOLVED_OPTIMAL);
        sc_result_free(&result);
        assert_true(sc_worker_idle(worker));
        assert_int_equal(sc_worker_take(worker).kind, SC_RESULT_NONE);
    }
    assert_true(engine.signals_right);
    assert_true(fcntl(sc_worker_fd(worker), F_GETFD) & FD_CLOEXEC);
    free_worker(worker);
    sc_worker_free(NULL);
}

static void a_result_that_nobody_reads_is_replaced(void **state)
{
    (void)state;
    struct sc_worker *worker = new_worker();
    for (int revision = 1; revision <= 3; revision++) {
        submit(worker, (uint64_t)revision, 0, ENDS_WELL);
        for (int i = 0; i < 60000 && !(engine.plans == revision && is_readable(worker)); i++)
            sleep_seconds(0.001);
        sleep_seconds(0.02); /* nearly always enough to publish it */
    }
    struct sc_result result = wait_result(worker);
    if (result.revision < 3) {
        sc_result_free(&result);
        result = wait_result(worker);
    }
    assert_int_equal(result.revision, 3);
    sc_result_free(&result);
    assert_true(sc_worker_idle(worker));
    free_worker(worker);
}

static void errors_arrive(void **state)
{
    (void)state;
    struct sc_worker *worker = new_worker();
    submit(worker, 7, 0, FAILS);
    struct sc_result result = wait_result(worker);
    assert_int_equal(result.kind, SC_RESULT_ERROR);
    assert_int_equal(result.revision, 7);
    assert_int_equal(result.error.status, SC_INPUT);
    assert_string_equal(result.error.message, "the model of revision 7 is bad");
    assert_null(result.plan);
    sc_result_free(&result);
    sc_plan_free(make_plan(worker, 8)); /* it goes on */
    free_worker(worker);
}

/* The running job ends at once and leaves nothing; of those that wait only the last is run. */
static void the_newest_wins(void **state)
{
    (void)state;
    struct sc_worker *worker = new_worker();
    submit(worker, 1, 1000000, KEEPS_BEST);
    wait_running(worker);
    engine.closed = true;
    for (uint64_t revision = 2; revision <= 50; revision++)
        submit(worker, revision, 1000000, KEEPS_BEST);
    submit(worker, 51, 2, ENDS_WELL);
    engine.closed = false;
    struct sc_result result = wait_result(worker);
    assert_int_equal(result.kind, SC_RESULT_PLAN);
    assert_int_equal(result.revision, 51);
    assert_int_equal(result.plan->status, SC_SOLVED_OPTIMAL); /* its token was not the cancelled one */
    sc_result_free(&result);
    assert_true(sc_worker_idle(worker));
    free_worker(worker);
}

static void cancelling_keeps_the_best(void **state)
{
    (void)state;
    struct sc_worker *worker = new_worker();
    sc_worker_cancel(worker); /* nothing runs: nothing happens */
    submit(worker, 1, 1000000, KEEPS_BEST);
    wait_running(worker);
    sc_worker_cancel(worker);
    struct sc_result result = wait_result(worker);
    assert_int_equal(result.kind, SC_RESULT_PLAN);
    assert_int_equal(result.plan->status, SC_SOLVED_FEASIBLE);
    sc_result_free(&result);
    submit(worker, 2, 1000000, ENDS_WELL);
    wait_running(worker);
    sc_worker_cancel(worker);
    sc_worker_cancel(worker);
    result = wait_result(worker);
    assert_int_equal(result.kind, SC_RESULT_ERROR);
    assert_int_equal(result.error.status, SC_CANCELLED);
    sc_result_free(&result);
    sc_plan_free(make_plan(worker, 3));
    free_worker(worker);
}

/* Between submitting and beginning nothing is lost: a job that waits is cancelled as well. */
static void cancelling_reaches_what_waits(void **state)
{
    (void)state;
    struct sc_worker *worker = new_worker();
    submit(worker, 1, 1000000, KEEPS_BEST);
    wait_running(worker);
    submit(worker, 2, 1000000, KEEPS_BEST);
    sc_worker_cancel(worker);
    struct sc_result result = wait_result(worker);
    assert_int_equal(result.revision, 2);
    assert_int_equal(result.plan->status, SC_SOLVED_FEASIBLE);
    sc_result_free(&result);
    submit(worker, 3, 1000000, KEEPS_BEST);
    sc_worker_cancel(worker);
    submit(worker, 4, 2, ENDS_WELL); /* later than the cancelling */
    result = wait_result(worker);
    if (result.revision == 3) {
        sc_result_free(&result);
        result = wait_result(worker);
    }
    assert_int_equal(result.revision, 4);
    assert_int_equal(result.plan->status, SC_SOLVED_OPTIMAL);
    sc_result_free(&result);
    free_worker(worker);
}

static void time_limits_hold(void **state)
{
    (void)state;
    struct sc_worker *worker = new_worker();
    struct sc_settings settings;
    sc_settings_init(&settings);
    settings.devices = 1000000;
    settings.mode = (enum sc_mode)KEEPS_BEST;
    assert_int_equal(sc_worker_submit(worker, &settings, 1, 0.01, NULL), SC_OK);
    struct sc_result result = wait_result(worker);
    assert_int_equal(result.plan->status, SC_SOLVED_FEASIBLE);
    sc_result_free(&result);
    free_worker(worker);
}

static void submit_work(struct sc_worker *worker, uint64_t revision, int64_t work, double gap)
{
    struct sc_settings settings;
    sc_settings_init(&settings);
    settings.microbatches = work;
    settings.gap = gap;
    assert_int_equal(sc_worker_submit(worker, &settings, revision, 0, NULL), SC_OK);
}

/* What is found in little work comes first, the proof last, and rounds that bring nothing say nothing. */
static void rounds_bring_better_plans(void **state)
{
    (void)state;
    struct sc_worker *worker = new_worker();
    engine.hold = 1;
    submit_work(worker, 1, 100000000, 0);
    struct sc_result result = wait_result(worker);
    assert_true(result.more && result.plan->objective_s == 2 && result.plan->status == SC_SOLVED_FEASIBLE);
    assert_false(sc_worker_idle(worker));
    sc_result_free(&result);
    uint64_t first = engine.work_limit;
    engine.hold = 2;
    while (engine.plans < 2 || engine.running < 1)
        sleep_seconds(0.001);
    assert_true(engine.work_limit > first);
    sleep_seconds(0.005);
    result = sc_worker_take(worker);
    assert_int_equal(result.kind, SC_RESULT_NONE);
    engine.hold = 0;
    do {
        sc_result_free(&result);
        result = wait_result(worker);
    } while (result.more);
    assert_true(result.plan->objective_s == 1 && result.plan->status == SC_SOLVED_OPTIMAL);
    assert_true(engine.plans > 3 && sc_worker_idle(worker));
    sc_result_free(&result);
    engine.plans = 0;
    submit_work(worker, 2, 100000000, 0.2); /* near enough at once */
    result = wait_result(worker);
    assert_true(!result.more && result.plan->status == SC_SOLVED_FEASIBLE);
    assert_int_equal(engine.plans, 1);
    sc_result_free(&result);
    free_worker(worker);
}

/* Stopped, the last result is the plan that was there; asked again, the round that was cut comes first. */
static void stopped_rounds_go_on(void **state)
{
    (void)state;
    struct sc_worker *worker = new_worker();
    engine.hold = 1;
    submit_work(worker, 1, 1000000000, 0);
    struct sc_result result = wait_result(worker);
    assert_true(result.more);
    struct sc_plan *plan = sc_plan_share(result.plan);
    sc_result_free(&result);
    wait_running(worker);
    uint64_t first = engine.work_limit;
    sc_worker_cancel(worker);
    engine.hold = 0;
    result = wait_result(worker);
    assert_true(!result.more && result.plan == plan);
    uint64_t cut = engine.work_limit;
    assert_true(cut > first);
    sc_result_free(&result);
    sc_plan_free(plan);
    engine.hold = engine.plans + 1;
    submit_work(worker, 2, 1000000000, 0);
    result = wait_result(worker);
    assert_true(result.more && engine.work_limit == cut);
    sc_result_free(&result);
    wait_running(worker);
    submit_work(worker, 3, 2000000000, 0); /* a newer one takes its place */
    engine.hold = 0;
    do {
        sc_result_free(&result);
        result = wait_result(worker);
        assert_int_equal(result.revision, 3);
    } while (result.more);
    sc_result_free(&result);
    free_worker(worker);
}

static void progress_is_of_the_job(void **state)
{
    (void)state;
    struct sc_worker *worker = new_worker();
    double before = sc_now();
    submit(worker, 1, 1000000, KEEPS_BEST);
    struct sc_progress_value p = sc_worker_progress(worker);
    for (int i = 0; i < 60000 && strcmp(p.phase, "ticking") != 0; i++) {
        sleep_seconds(0.001);
        p = sc_worker_progress(worker);
    }
    assert_string_equal(p.phase, "ticking");
    assert_true(p.best + p.bound == 100); /* one value, not halves of two */
    assert_true(p.started >= before && p.started <= sc_now());
    engine.closed = true;
    submit(worker, 2, 0, ENDS_WELL);
    struct sc_progress_value q = p;
    for (int i = 0; i < 60000 && q.started == p.started; i++) {
        sleep_seconds(0.001);
        q = sc_worker_progress(worker);
    }
    assert_true(q.started > p.started);
    assert_string_equal(q.phase, "");
    assert_true(isinf(q.best) && isinf(q.bound)); /* nothing of the job before */
    engine.closed = false;
    struct sc_result result = wait_result(worker);
    sc_result_free(&result);
    free_worker(worker);
}

static void deltas_follow_plans(void **state)
{
    (void)state;
    struct sc_worker *worker = new_worker();
    struct sc_error err = {0};
    struct sc_plan *plan = make_plan(worker, 3);
    assert_int_equal(sc_worker_submit_delta(worker, plan, 5, NULL), SC_OK);
    struct sc_result result = wait_result(worker);
    assert_int_equal(result.kind, SC_RESULT_DELTA);
    assert_int_equal(result.revision, 3);
    assert_ptr_equal(result.plan, plan);
    assert_int_equal(result.node, 5);
    assert_int_equal(result.count, 2);
    assert_true(result.delta[1] == 5);
    sc_result_free(&result);
    /* A bad one is an error and leaks nothing. */
    assert_int_equal(sc_worker_submit_delta(worker, plan, -1, NULL), SC_OK);
    result = wait_result(worker);
    assert_int_equal(result.kind, SC_RESULT_ERROR);
    assert_int_equal(result.revision, 3);
    sc_result_free(&result);
    assert_int_equal(sc_worker_submit_why(worker, plan, 6, 2, NULL), SC_OK);
    result = wait_result(worker);
    assert_int_equal(result.kind, SC_RESULT_WHY);
    assert_ptr_equal(result.plan, plan);
    assert_true(result.revision == 3 && result.node == 6 && result.choice == 2 && !result.delta);
    assert_string_equal(result.why, "plan 3, node 6, not 2");
    sc_result_free(&result);
    /* While a plan is being made there is none. */
    submit(worker, 4, 1000000, KEEPS_BEST);
    assert_int_equal(sc_worker_submit_delta(worker, plan, 1, &err), SC_CANCELLED);
    wait_running(worker);
    assert_int_equal(sc_worker_submit_delta(worker, plan, 1, &err), SC_CANCELLED);
    assert_int_equal(sc_worker_submit_why(worker, plan, 1, 0, &err), SC_CANCELLED);
    assert_true(strlen(err.message) > 0);
    sc_worker_cancel(worker);
    result = wait_result(worker);
    assert_int_equal(result.kind, SC_RESULT_PLAN);
    sc_result_free(&result);
    sc_plan_free(plan);
    free_worker(worker);
}

/* A plan whose deltas take that many ticks. */
static struct sc_plan *slow_plan(struct sc_worker *worker, uint64_t revision, int64_t ticks)
{
    struct sc_settings settings;
    sc_settings_init(&settings);
    settings.batch = ticks;
    assert_int_equal(sc_worker_submit(worker, &settings, revision, 0, NULL), SC_OK);
    struct sc_result result = wait_result(worker);
    assert_int_equal(result.kind, SC_RESULT_PLAN);
    return result.plan;
}

static void the_newest_question_wins(void **state)
{
    (void)state;
    struct sc_worker *worker = new_worker();
    struct sc_plan *slow = slow_plan(worker, 1, 1000000), *quick = make_plan(worker, 2);
    assert_int_equal(sc_worker_submit_delta(worker, slow, 1, NULL), SC_OK);
    wait_running(worker);
    for (int node = 2; node < 20; node++)
        assert_int_equal(sc_worker_submit_delta(worker, slow, node, NULL), SC_OK);
    assert_int_equal(sc_worker_submit_delta(worker, quick, 20, NULL), SC_OK);
    struct sc_result result = wait_result(worker);
    assert_int_equal(result.kind, SC_RESULT_DELTA);
    assert_int_equal(result.node, 20);
    sc_result_free(&result);
    assert_true(sc_worker_idle(worker));
    assert_int_equal(sc_worker_submit_delta(worker, slow, 1, NULL), SC_OK);
    wait_running(worker);
    assert_int_equal(sc_worker_submit_why(worker, slow, 1, 0, NULL), SC_OK);
    result = wait_result(worker);
    assert_int_equal(result.kind, SC_RESULT_WHY);
    sc_result_free(&result);
    /* A plan goes before: the delta leaves no result. */
    assert_int_equal(sc_worker_submit_delta(worker, slow, 1, NULL), SC_OK);
    wait_running(worker);
    submit(worker, 3, 2, ENDS_WELL);
    result = wait_result(worker);
    assert_int_equal(result.kind, SC_RESULT_PLAN);
    assert_int_equal(result.revision, 3);
    sc_result_free(&result);
    assert_true(sc_worker_idle(worker));
    sc_plan_free(slow);
    sc_plan_free(quick);
    free_worker(worker);
}

/* A plan, or its error, that nobody has read yet is not pushed out by differences of an older one. */
static void deltas_do_not_hide_plans(void **state)
{
    (void)state;
    struct sc_worker *worker = new_worker();
    struct sc_plan *plan = make_plan(worker, 1);
    for (int ends = ENDS_WELL; ends != -1; ends = ends == ENDS_WELL ? FAILS : -1) {
        submit(worker, 2, 0, ends);
        for (int i = 0; i < 60000 && !is_readable(worker); i++)
            sleep_seconds(0.001);
        int deltas = engine.deltas;
        while (sc_worker_submit_delta(worker, plan, 1, NULL) != SC_OK)
            sleep_seconds(0.001);
        for (int i = 0; i < 60000 && (engine.deltas == deltas || engine.running); i++)
            sleep_seconds(0.001);
        sleep_seconds(0.02);
        struct sc_result result = wait_result(worker);
        assert_int_equal(result.kind, ends == FAILS ? SC_RESULT_ERROR : SC_RESULT_PLAN);
        assert_int_equal(result.revision, 2);
        sc_result_free(&result);
        assert_true(sc_worker_idle(worker));
    }
    sc_plan_free(plan);
    free_worker(worker);
}

/* Whatever runs, waits or lies unread: the end is quick and leaks nothing. */
/* Answers come one after the other; the last result has all of them. A later question drops those of the one before. */
static void answers_come_in(void **state)
{
    (void)state;
    struct sc_worker *worker = new_worker();
    struct sc_plan *plan = make_plan(worker, 1);
    struct sc_result result = {.more = true};
    int known = 0;
    assert_int_equal(sc_worker_submit_what_if(worker, plan, "1.5\n-2\n12\n4", 77, false, NULL), SC_OK);
    while (result.more) {
        sc_result_free(&result);
        while ((result = sc_worker_take(worker)).kind == SC_RESULT_NONE) {
            result.more = true;
            sleep_seconds(0.0005);
        }
        int now = 0;
        assert_int_equal(result.kind, SC_RESULT_WHAT_IF);
        assert_ptr_equal(result.plan, plan);
        assert_int_equal(result.node, 77);
        assert_int_equal(result.count, 4);
        while (now < 4 && !isnan(result.delta[now]))
            now++;
        assert_true(now > known);
        known = now;
    }
    static const double answers[] = {1.5, -2, 12, 4};
    assert_int_equal(known, 4);
    for (int i = 0; i < 4; i++)
        assert_true(result.delta[i] == answers[i] && result.exact[i] == (answers[i] < 10));
    assert_null(result.why);
    sc_result_free(&result);
    assert_int_equal(sc_worker_submit_what_if(worker, plan, "wait\n2", 1, false, NULL), SC_OK);
    wait_running(worker);
    assert_int_equal(sc_worker_submit_what_if(worker, plan, "3", 2, true, NULL), SC_OK);
    result = wait_result(worker);
    assert_true(result.node == 2 && result.count == 1 && !result.more && result.delta[0] == 3);
    assert_string_equal(result.why, "3");
    sc_result_free(&result);
    sc_plan_free(plan);
    free_worker(worker);
}

static void timelines_arrive(void **state)
{
    (void)state;
    struct sc_worker *worker = new_worker();
    struct sc_plan *plan = make_plan(worker, 1);
    assert_int_equal(sc_worker_submit_timeline(worker, plan, SC_SCHEDULE_GPIPE, 1, NULL), SC_OK);
    struct sc_result result = wait_result(worker);
    assert_int_equal(result.kind, SC_RESULT_TIMELINE);
    assert_true(result.node == SC_SCHEDULE_GPIPE && result.choice == 1 && result.plan == plan);
    assert_true(result.timeline->iteration_s == 12);
    sc_result_free(&result);
    assert_null(result.timeline);
    assert_int_equal(sc_worker_submit_timeline(worker, plan, SC_SCHEDULE_GPIPE, 2, NULL), SC_OK);
    result = wait_result(worker);
    assert_int_equal(result.kind, SC_RESULT_ERROR);
    assert_int_equal(result.error.status, SC_INPUT);
    sc_result_free(&result);
    submit(worker, 2, 1000000, KEEPS_BEST);
    assert_int_equal(sc_worker_submit_timeline(worker, plan, SC_SCHEDULE_GPIPE, 1, NULL), SC_CANCELLED);
    assert_int_equal(sc_worker_submit_what_if(worker, plan, "1", 0, false, NULL), SC_CANCELLED);
    sc_plan_free(plan);
    free_worker(worker);
}

static void freeing_is_quick(void **state)
{
    (void)state;
    double best = INFINITY;
    for (int i = 0; i < 30; i++) {
        struct sc_worker *worker = new_worker();
        struct sc_plan *slow = i % 3 ? slow_plan(worker, 1, 1000000) : NULL;
        if (i % 3 == 0)
            submit(worker, 2, 1000000, i % 2 ? ENDS_WELL : KEEPS_BEST);
        else
            assert_int_equal(sc_worker_submit_delta(worker, slow, 1, NULL), SC_OK);
        if (i % 4)
            wait_running(worker);
        if (i % 5 == 1)
            submit(worker, 3, 1000000, KEEPS_BEST);
        if (i % 5 == 2)
            sc_worker_cancel(worker); /* its result is left unread */
        double before = sc_now();
        free_worker(worker);
        double seconds = sc_now() - before;
        best = fmin(best, seconds);
        assert_true(seconds < 5); /* the machine may be busy */
        sc_plan_free(slow);
    }
    assert_true(best < 0.1);
}

/* ---- a day in the life ---- */

/* Random requests against a model of what may come: a result is of a revision that was asked for and of none older than
 * one already seen; the last that was asked for always comes. */
static void stress(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        uint64_t random = seed, asked = 0, seen = 0;
        struct sc_worker *worker = new_worker();
        struct sc_plan *plan = make_plan(worker, 0);
        for (int i = 0; i < 250; i++) {
            switch (sc_random_below(&random, 8)) {
            case 0:
            case 1:
                submit(worker, ++asked, (int64_t)sc_random_below(&random, 12), (int)sc_random_below(&random, 3));
                break;
            case 2:
                sc_worker_submit_delta(worker, plan, (int)sc_random_below(&random, 4), NULL);
                if (sc_random_below(&random, 4) == 0)
                    sc_worker_submit_why(worker, plan, 1, 0, NULL);
                break;
            case 3:
                if (sc_random_below(&random, 3) == 0)
                    sc_worker_cancel(worker);
                break;
            case 4: {
                struct sc_progress_value p = sc_worker_progress(worker);
                assert_true(isinf(p.best) ? isinf(p.bound) : p.best + p.bound == 100);
                sleep_seconds(1e-4 * (double)sc_random_below(&random, 30));
                break;
            }
            case 5:
                sc_worker_idle(worker);
                break;
            default: {
                struct sc_result result = sc_worker_take(worker);
                assert_true(result.kind == SC_RESULT_NONE || result.revision <= asked);
                if (result.kind == SC_RESULT_PLAN) {
                    assert_true(result.revision > seen);
                    seen = result.revision;
                    sc_plan_free(plan);
                    plan = sc_plan_share(result.plan);
                }
                sc_result_free(&result);
            }
            }
        }
        submit(worker, ++asked, 1, ENDS_WELL);
        for (struct sc_result result = {0}; result.revision != asked;) {
            result = wait_result(worker);
            assert_true(result.revision <= asked);
            uint64_t revision = result.revision;
            sc_result_free(&result);
            result.revision = revision;
        }
        assert_true(sc_worker_idle(worker));
        sc_plan_free(plan);
        free_worker(worker);
    }
}

/* ---- lack of things ---- */

static void lack_of_memory_is_told(void **state)
{
    (void)state;
    faults_begin();
    for (int n = 0;; n++) {
        struct sc_error err = {0};
        memset(&engine, 0, sizeof engine);
        faults_after(n);
        struct sc_worker *worker = worker_new_with(&fake, NULL, &err);
        bool hit = faults_hit();
        faults_after(-1);
        assert_true(hit == (worker == NULL));
        if (!worker) {
            assert_int_equal(err.status, SC_NO_MEMORY);
            continue;
        }
        struct sc_settings settings;
        sc_settings_init(&settings);
        assert_true(sc_settings_set_model(&settings, "m"));
        faults_after(0);
        assert_int_equal(sc_worker_submit(worker, &settings, 1, 0, &err), SC_NO_MEMORY);
        faults_after(-1);
        assert_true(sc_worker_idle(worker));
        faults_after(1); /* the plan itself, on the other thread */
        assert_int_equal(sc_worker_submit(worker, &settings, 2, 0, &err), SC_OK);
        struct sc_result result = wait_result(worker);
        faults_after(-1);
        assert_int_equal(result.kind, SC_RESULT_ERROR);
        assert_int_equal(result.error.status, SC_NO_MEMORY);
        sc_result_free(&result);
        sc_settings_free(&settings);
        free_worker(worker);
        break;
    }
    faults_end();
}

static void *no_engine(const struct sc_loader *loader)
{
    fake_start(loader);
    return NULL;
}

/* No planner: every job says so. */
static void lack_of_an_engine_is_told(void **state)
{
    (void)state;
    static const struct worker_engine none = {no_engine, fake_stop,    fake_plan,    fake_delta,
                                              fake_why,  fake_what_if, fake_timeline};
    memset(&engine, 0, sizeof engine);
    struct sc_worker *worker = worker_new_with(&none, NULL, NULL);
    assert_non_null(worker);
    submit(worker, 1, 0, ENDS_WELL);
    struct sc_result result = wait_result(worker);
    assert_int_equal(result.kind, SC_RESULT_ERROR);
    assert_int_equal(result.error.status, SC_NO_MEMORY);
    sc_result_free(&result);
    sc_worker_free(worker);
    assert_int_equal(engine.ended, 0);
}

static void lack_of_descriptors_is_told(void **state)
{
    (void)state;
    struct rlimit before, none;
    struct sc_error err = {0};
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    memset(&engine, 0, sizeof engine);
    struct sc_worker *worker = worker_new_with(&fake, NULL, &err);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_null(worker);
    assert_int_equal(err.status, SC_INTERNAL);
    assert_int_equal(engine.started, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_arrive),
        cmocka_unit_test(a_result_that_nobody_reads_is_replaced),
        cmocka_unit_test(errors_arrive),
        cmocka_unit_test(the_newest_wins),
        cmocka_unit_test(cancelling_keeps_the_best),
        cmocka_unit_test(cancelling_reaches_what_waits),
        cmocka_unit_test(time_limits_hold),
        cmocka_unit_test(rounds_bring_better_plans),
        cmocka_unit_test(stopped_rounds_go_on),
        cmocka_unit_test(progress_is_of_the_job),
        cmocka_unit_test(deltas_follow_plans),
        cmocka_unit_test(the_newest_question_wins),
        cmocka_unit_test(deltas_do_not_hide_plans),
        cmocka_unit_test(answers_come_in),
        cmocka_unit_test(timelines_arrive),
        cmocka_unit_test(freeing_is_quick),
        cmocka_unit_test(stress),
        cmocka_unit_test(lack_of_memory_is_told),
        cmocka_unit_test(lack_of_an_engine_is_told),
        cmocka_unit_test(lack_of_descriptors_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
