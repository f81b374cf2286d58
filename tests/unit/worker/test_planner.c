/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The worker with the real planner on sample models: the same plans as without a thread, while the interface reads
 * them; and how long cancelling takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/import.h"
#include "wait.h"

#if defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__
enum { SLOWER = 20 };
#elif defined __has_feature
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
enum { SLOWER = 20 };
#else
enum { SLOWER = 1 };
#endif
#else
enum { SLOWER = 1 };
#endif

static struct sc_loader loader;

static struct sc_worker *new_worker(void)
{
    struct sc_error err = {0};
    struct sc_worker *worker = sc_worker_new(&loader, &err);
    if (!worker)
        fail_msg("%s", err.message);
    return worker;
}

static struct sc_session *new_session(const char *model)
{
    struct sc_settings settings;
    struct sc_session *session;
    sc_settings_init(&settings);
    assert_true(sc_settings_set_model(&settings, model));
    assert_int_equal(sc_session_new(&settings, &session, NULL), SC_OK);
    sc_settings_free(&settings);
    return session;
}

static void submit(struct sc_worker *worker, const struct sc_session *session)
{
    assert_int_equal(sc_worker_submit(worker, sc_session_settings(session), sc_session_revision(session), 0, NULL),
                     SC_OK);
}

static struct sc_plan *wait_plan(struct sc_worker *worker)
{
    struct sc_result result = wait_result(worker);
    if (result.kind == SC_RESULT_ERROR)
        fail_msg("%s: %s", result.error.file, result.error.message);
    assert_int_equal(result.kind, SC_RESULT_PLAN);
    return result.plan;
}

/* An op that has more than one strategy. */
static int open_op(const struct sc_plan *plan, uint64_t *random)
{
    for (;;) {
        int op = (int)sc_random_below(random, (uint64_t)plan->graph->op_count);
        if (plan->costs->nodes[plan->costs->op_node[op]].set->count > 1)
            return op;
    }
}

static void plans_and_differences_arrive(void **state)
{
    (void)state;
    struct sc_worker *worker = new_worker();
    struct sc_session *session = new_session("mlp-2");
    uint64_t random = 1;
    submit(worker, session);
    struct sc_plan *plan = wait_plan(worker);
    assert_int_equal(plan->status, SC_SOLVED_OPTIMAL);
    assert_non_null(plan->delta);
    int op = open_op(plan, &random), node = plan->costs->op_node[op];
    assert_int_equal(sc_worker_submit_delta(worker, plan, node, NULL), SC_OK);
    struct sc_result result = wait_result(worker);
    assert_int_equal(result.kind, SC_RESULT_DELTA);
    assert_ptr_equal(result.plan, plan);
    assert_int_equal(result.count, plan->costs->nodes[node].set->count);
    for (int c = 0; c < result.count; c++) {
        assert_true(result.exact[c] && result.delta[c] >= 0);
        assert_true(result.delta[c] == 0 || c != plan->choice[node]);
    }
    int other = 0;
    while (other == plan->choice[node] || !isfinite(result.delta[other]))
        other++;
    sc_result_free(&result);
    char strategy[64];
    sc_strategy_format(plan->graph, op, &plan->costs->nodes[node].set->at[other], strategy, sizeof strategy);
    assert_int_equal(sc_worker_submit_why(worker, plan, op, other, NULL), SC_OK);
    result = wait_result(worker);
    assert_int_equal(result.kind, SC_RESULT_WHY);
    assert_non_null(strstr(result.why, strategy));
    sc_result_free(&result);
    static const int bad[] = {-1, 1 << 30};
    for (size_t i = 0; i < SC_LEN(bad); i++) {
        assert_int_equal(sc_worker_submit_delta(worker, plan, bad[i], NULL), SC_OK);
        result = wait_result(worker);
        assert_int_equal(result.error.status, SC_USAGE);
        sc_result_free(&result);
        assert_int_equal(sc_worker_submit_why(worker, plan, op, i ? bad[i] : -2, NULL), SC_OK);
        result = wait_result(worker);
        if (i)
            assert_int_equal(result.error.status, SC_USAGE);
        else
            assert_int_equal(result.kind, SC_RESULT_WHY); /* below 0: the best alternative */
        sc_result_free(&result);
    }
    sc_plan_free(plan);
    sc_session_free(session);
    sc_worker_free(worker);
}

static void errors_name_the_file(void **state)
{
    (void)state;
    struct sc_worker *worker = new_worker();
    struct sc_session *session = new_session("/nowhere/model.json");
    submit(worker, session);
    struct sc_result result = wait_result(worker);
    assert_int_equal(result.kind, SC_RESULT_ERROR);
    assert_non_null(strstr(result.error.file, "/nowhere/model.json"));
    sc_result_free(&result);
    sc_session_free(session);
    sc_worker_free(worker);
}

/* What the interface reads of a plan, while the worker may be using the same one. */
static void read_plan(const struct sc_plan *plan, uint64_t *random)
{
    int op = open_op(plan, random), count;
    char strategy[64];
    struct sc_candidate *candidates;
    struct sc_str text = {0};
    sc_plan_op_strategy(plan, op, strategy, sizeof strategy);
    assert_int_equal(sc_plan_candidates(plan, op, &candidates, &count, NULL), SC_OK);
    assert_true(count > 1 && isfinite(sc_plan_op_cost(plan, op).total_s));
    assert_int_equal(sc_plan_write_text(plan, true, &text, NULL), SC_OK);
    sc_str_free(&text);
    sc_free(candidates);
}

/* Pins, undos, cancels and questions at random. What arrives in the end is what a planner of this thread finds. */
static void stress(void **state)
{
    (void)state;
    uint64_t random = 2;
    char command[128];
    struct sc_worker *worker = new_worker();
    struct sc_session *session = new_session("gpt-125m");
    struct sc_planner *planner = sc_planner_new(&loader);
    assert_int_equal(sc_session_apply(session, "set set layers=3; set mesh 2x4", NULL), SC_OK);
    submit(worker, session);
    struct sc_plan *plan = wait_plan(worker);
    for (int round = 0; round < 12; round++) {
        for (int i = 0; i < 8; i++) {
            struct sc_str text = {0};
            int op = open_op(plan, &random), count;
            struct sc_candidate *candidates;
            switch (sc_random_below(&random, 6)) {
            case 0:
                sc_session_apply(session, "undo", NULL);
                break;
            case 1:
                sc_worker_cancel(worker);
                break;
            case 2:
                sc_worker_submit_delta(worker, plan, plan->costs->op_node[op], NULL);
                break;
            default:
                assert_int_equal(sc_plan_candidates(plan, op, &candidates, &count, NULL), SC_OK);
                sc_str_add(&text, "pin ");
                sc_session_put_op(&text, plan->graph->ops[op].name);
                snprintf(command, sizeof command, " %s",
                         candidates[sc_random_below(&random, (uint64_t)count)].strategy);
                sc_str_add(&text, command);
                assert_int_equal(sc_session_apply(session, sc_str_text(&text), NULL), SC_OK);
                sc_free(candidates);
                submit(worker, session);
            }
            sc_str_free(&text);
            read_plan(plan, &random);
            sleep_seconds(1e-3 * (double)sc_random_below(&random, 8));
            struct sc_result result = sc_worker_take(worker);
            assert_true(result.revision <= sc_session_revision(session));
            if (result.kind == SC_RESULT_PLAN && result.plan->choice) {
                sc_plan_free(plan);
                plan = sc_plan_share(result.plan);
            }
            sc_result_free(&result);
        }
        submit(worker, session);
        struct sc_result last = {0};
        do {
            sc_result_free(&last);
            last = wait_result(worker);
        } while (last.revision != sc_session_revision(session) || last.kind == SC_RESULT_DELTA ||
                 !sc_worker_idle(worker));
        assert_int_equal(last.kind, SC_RESULT_PLAN);
        struct sc_plan_request request = {.settings = sc_session_settings(session), .deltas = true};
        struct sc_plan *same = NULL;
        assert_int_equal(sc_planner_make(planner, &request, &same, NULL), SC_OK);
        assert_int_equal(last.plan->status, same->status);
        if (same->choice)
            assert_true(last.plan->objective_s == same->objective_s);
        sc_plan_free(same);
        sc_result_free(&last);
    }
    sc_plan_free(plan);
    sc_planner_free(planner);
    sc_session_free(session);
    sc_worker_free(worker);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Ended at any moment of its work on a large model, the thread is gone soon. */
static void cancelling_is_quick(void **state)
{
    (void)state;
    enum { TIMES = 24 };
    double seconds[TIMES], whole;
    struct sc_session *session = new_session("gpt-39b");
    struct sc_worker *worker = new_worker();
    double before = sc_now();
    submit(worker, session);
    sc_plan_free(wait_plan(worker));
    whole = sc_now() - before;
    sc_worker_free(worker);
    for (int i = 0; i < TIMES; i++) {
        worker = new_worker();
        submit(worker, session);
        sleep_seconds(whole * i / TIMES);
        before = sc_now();
        sc_worker_free(worker);
        seconds[i] = sc_now() - before;
    }
    qsort(seconds, TIMES, sizeof *seconds, by_size);
    print_message("gpt-39b: %.0f ms to plan; cancelled and joined in %.1f ms (median), %.1f ms (most)\n", 1e3 * whole,
                  1e3 * seconds[TIMES / 2], 1e3 * seconds[TIMES - 1]);
    assert_true(seconds[TIMES / 2] < 0.1 * SLOWER);
    assert_true(seconds[TIMES - 1] < 1.0 * SLOWER); /* the machine may be busy */
    sc_session_free(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_and_differences_arrive),
        cmocka_unit_test(errors_name_the_file),
        cmocka_unit_test(stress),
        cmocka_unit_test(cancelling_is_quick),
    };
    loader = sc_import_loader();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
