/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a session says about stages: the verbs and what they leave in settings; what a change would cost before it is
 * made; and a plan of stages as the simulation of schedules reads it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "import/import.h"
#include "plan/plan.h"

static struct sc_loader loader;

static void begin(struct sc_settings *settings, const char *line)
{
    struct sc_error err = {0};
    sc_settings_init(settings);
    assert_true(sc_settings_set_model(settings, "gpt-125m"));
    if (sc_settings_apply(settings, line, &err) != SC_OK)
        fail_msg("%s: %s", line, err.message);
}

/* ---- verbs ---- */

static void put_option(const struct sc_settings *settings, const char *name, struct sc_str *out)
{
    struct sc_str text = {0};
    sc_option_find(name)->get(settings, &text);
    for (const char *c = sc_str_text(&text); *c; c++)
        sc_str_addf(out, "%c", *c == '\n' ? ',' : *c);
    sc_str_add(out, "|");
    sc_str_free(&text);
}

static void verbs_say_what_they_mean(void **state)
{
    static const struct {
        const char *before, *command, *after; /* cuts|no cuts|stage meshes| */
    } cases[] = {
        {"", "cut layer.3", "layer.3|||"},
        {"cut layer.3", "cut layer.5", "layer.3,layer.5|||"},
        {"cut layer.3", "cut layer.3", "layer.3|||"},
        {"cut layer.3; cut layer.5", "nocut layer.3", "layer.5|layer.3||"},
        {"nocut layer.3", "cut layer.3", "layer.3|||"},
        {"cut layer.3", "uncut layer.3", "|||"},
        {"nocut layer.3; nocut layer.30", "uncut layer.3", "|layer.30||"},
        {"cut 3", "uncut 3; cut 4", "4|||"},
        {"", "stage 1 1x4", "||1=1x4|"},
        {"stage 1 1x4", "stage 1 1x8:2x4", "||1=1x8:2x4|"},
        {"stage 1 1x4; stage 10 1x2; stage 0 1x2", "stage 1 free", "||10=1x2,0=1x2|"},
    };
    (void)state;
    for (size_t i = 0; i < SC_LEN(cases); i++) {
        struct sc_settings settings;
        struct sc_session *session;
        struct sc_str text = {0};
        struct sc_error err = {0};
        begin(&settings, *cases[i].before ? cases[i].before : "set stages auto");
        assert_int_equal(sc_session_new(&settings, &session, NULL), SC_OK);
        uint64_t hash = sc_session_hash(session);
        if (sc_session_apply(session, cases[i].command, &err) != SC_OK)
            fail_msg("%s: %s", cases[i].command, err.message);
        put_option(sc_session_settings(session), "cut", &text);
        put_option(sc_session_settings(session), "no-cut", &text);
        put_option(sc_session_settings(session), "stage-mesh", &text);
        assert_string_equal(sc_str_text(&text), cases[i].after);
        assert_int_equal(sc_session_undo_depth(session), sc_session_hash(session) != hash); /* one step */
        if (sc_session_undo_depth(session))
            assert_int_equal(sc_session_apply(session, "undo", NULL), SC_OK);
        assert_true(sc_session_hash(session) == hash);
        sc_str_free(&text);
        sc_session_free(session);
        sc_settings_free(&settings);
    }
}

static void bad_lines_change_nothing(void **state)
{
    static const struct {
        const char *line, *says;
        enum sc_status status;
    } cases[] = {
        {"uncut layer.4", "nothing was said", SC_NOT_FOUND},
        {"cut", "cut LAYER", SC_USAGE},
        {"cut a b", "cut LAYER", SC_USAGE},
        {"cut \"\"", "a layer's name", SC_USAGE},
        {"nocut \"a b\"", "a layer's name", SC_USAGE},
        {"stage 1", "stage N", SC_USAGE},
        {"stage one 1x4", "the number of a stage", SC_USAGE},
        {"stage -1 1x4", "the number of a stage", SC_USAGE},
        {"stage 4096 1x4", "the number of a stage", SC_USAGE},
        {"stage 0 4", "STAGE=HOSTSxDEVICES", SC_USAGE},
        {"stage 0 1x4:3x2", "logical mesh", SC_USAGE},
        {"stage 3 free", "mesh of stage 3", SC_NOT_FOUND},
        {"undo", "undo and redo", SC_USAGE},
        {"cut layer.5; stage 0 x", "STAGE=", SC_USAGE},
    };
    struct sc_settings settings;
    (void)state;
    begin(&settings, "set stages auto; cut layer.3; stage 1 1x4");
    uint64_t hash = sc_settings_hash(&settings);
    for (size_t i = 0; i < SC_LEN(cases); i++) {
        struct sc_error err = {0};
        enum sc_status status = sc_settings_apply(&settings, cases[i].line, &err);
        if (status != cases[i].status || !strstr(err.message, cases[i].says))
            fail_msg("'%s': %s: %s", cases[i].line, sc_status_name(status), err.message);
        assert_true(sc_settings_hash(&settings) == hash);
    }
    sc_settings_free(&settings);
}

/* ---- what a change would cost ---- */

static struct sc_plan *plan_of(struct sc_planner *planner, const struct sc_settings *settings)
{
    struct sc_plan_request request = {.settings = settings};
    struct sc_error err = {0};
    struct sc_plan *plan;
    if (sc_planner_make(planner, &request, &plan, &err) != SC_OK)
        fail_msg("%s", err.message);
    return plan;
}

/* Every position of a cut: the difference is that of the two plans, and the plan that was asked about stays. */
static void a_difference_is_that_of_the_plans(void **state)
{
    struct sc_settings settings;
    struct sc_planner *planner = sc_planner_new(&loader);
    (void)state;
    begin(&settings, "set cluster p3.16xlarge; set set layers=6; set stages 2; set microbatches 16; set batch 128");
    struct sc_plan *plan = plan_of(planner, &settings);
    assert_int_equal(plan->stage_count, 2);
    for (int layer = 1; layer < plan->graph->layer_count; layer++) {
        char line[64];
        struct sc_what_if question = {line, 0};
        struct sc_what_if_answer answer;
        struct sc_settings changed;
        snprintf(line, sizeof line, "cut %s", plan->graph->layers[layer].name);
        assert_int_equal(sc_planner_what_if(planner, plan, &question, NULL, &answer, NULL, NULL), SC_OK);
        assert_true(sc_settings_copy(&changed, &settings));
        assert_int_equal(sc_settings_apply(&changed, line, NULL), SC_OK);
        struct sc_plan *other = plan_of(planner, &changed);
        assert_int_equal(other->stages[1].first_layer, layer);
        assert_true(answer.exact && answer.delta_s == other->objective_s - plan->objective_s);
        assert_true(answer.delta_s >= 0 && (answer.delta_s == 0 || layer != plan->stages[1].first_layer));
        sc_plan_free(other);
        sc_settings_free(&changed);
    }
    sc_plan_free(plan);
    sc_settings_free(&settings);
    sc_planner_free(planner);
}

static void what_is_impossible_has_reasons(void **state)
{
    struct sc_settings settings;
    struct sc_planner *planner = sc_planner_new(&loader);
    struct sc_what_if question = {"nocut layer.3; set memory 0.5", 0};
    struct sc_what_if_answer answer;
    struct sc_str reasons = {0};
    struct sc_error err = {0};
    (void)state;
    begin(&settings, "set cluster p3.16xlarge; set set layers=6; set stages 2");
    struct sc_plan *plan = plan_of(planner, &settings);
    assert_int_equal(sc_planner_what_if(planner, plan, &question, NULL, &answer, &reasons, &err), SC_OK);
    assert_true(answer.delta_s == INFINITY && answer.exact);
    assert_non_null(strstr(sc_str_text(&reasons), "memory 512 MiB"));
    assert_null(strstr(sc_str_text(&reasons), "layer.3")); /* it takes no part in the conflict */
    question.line = "cut no-such-layer";
    assert_int_equal(sc_planner_what_if(planner, plan, &question, NULL, &answer, NULL, &err), SC_USAGE);
    assert_true(isnan(answer.delta_s));
    sc_str_free(&reasons);
    sc_plan_free(plan);
    sc_settings_free(&settings);
    sc_planner_free(planner);
}

/* ---- schedules ---- */

/* The formula over a plan's stages is the plan's own iteration, and what is held at most is what the plan counts. */
static void a_schedule_of_a_plan_adds_up(void **state)
{
    static const char *const lines[] = {
        "set cluster p3.16xlarge; set stages 2",
        "set cluster p3.16xlarge; set stages 4; set schedule gpipe; set microbatches 8; set batch 64",
        "set cluster p3.16xlarge:2; set stages auto; set remat layer; set memory 4",
        "set cluster h100:2; set stages 3; set submeshes all; set mode prefill",
        "set cluster p3.16xlarge",
    };
    (void)state;
    for (size_t i = 0; i < SC_LEN(lines); i++) {
        struct sc_settings settings;
        struct sc_planner *planner = sc_planner_new(&loader);
        struct sc_schedule_input input;
        struct sc_timeline *timeline;
        struct sc_error err = {0};
        begin(&settings, lines[i]);
        struct sc_plan *plan = plan_of(planner, &settings);
        if (sc_plan_schedule_input(plan, settings.schedule, 1, &input, &err) != SC_OK)
            fail_msg("%s: %s", lines[i], err.message);
        bool train = settings.mode == SC_TRAIN;
        assert_int_equal(input.schedule, train ? settings.schedule : SC_SCHEDULE_GPIPE);
        assert_int_equal(input.microbatches, plan->graph->microbatches);
        assert_true(fabs(sc_schedule_latency(&input) / plan->iteration_s - 1) < 1e-9);
        for (int s = 0; s < input.stage_count; s++)
            assert_true(train ? input.stages[s].forward_s < input.stages[s].backward_s
                              : input.stages[s].backward_s == 0);
        assert_int_equal(sc_timeline_simulate(&input, NULL, &timeline, &err), SC_OK);
        for (int s = 0; s < input.stage_count; s++) {
            double peak = plan->stages[s].plan->peak_bytes;
            struct sc_memory m = sc_plan_stage_memory(&plan->stages[s]);
            double sum = m.parameters + m.gradients + m.optimizer + m.cache + m.activations + m.working;
            assert_true(fabs(sum / peak - 1) < 1e-9 && m.working > 0);
            assert_true(fabs(timeline->stages[s].peak_bytes / peak - 1) < 1e-9);
            assert_true(!train || timeline->stages[s].peak_in_flight == plan->stages[s].in_flight);
        }
        sc_timeline_free(timeline);
        sc_free((void *)(uintptr_t)input.stages);
        sc_plan_free(plan);
        sc_settings_free(&settings);
        sc_planner_free(planner);
    }
}

static void chunks_send_round_the_ends(void **state)
{
    struct sc_settings settings;
    struct sc_planner *planner = sc_planner_new(&loader);
    struct sc_schedule_input input;
    struct sc_error err = {0};
    (void)state;
    begin(&settings, "set cluster p3.16xlarge; set stages 4; set microbatches 8; set batch 64");
    struct sc_plan *plan = plan_of(planner, &settings);
    assert_int_equal(sc_plan_schedule_input(plan, SC_SCHEDULE_INTERLEAVED, 2, &input, &err), SC_OK);
    assert_int_equal(input.chunks, 2);
    assert_true(input.stages[3].send_forward_s > 0 && input.stages[0].send_backward_s > 0);
    assert_true(input.stages[3].send_forward_s == plan->stages[3].transfer.in_forward_s);
    assert_true(input.stages[0].send_backward_s == plan->stages[0].transfer.out_backward_s);
    sc_free((void *)(uintptr_t)input.stages);
    sc_plan_free(plan);
    assert_int_equal(sc_settings_apply(&settings, "set memory 0.01", NULL), SC_OK);
    plan = plan_of(planner, &settings);
    assert_null(plan->choice);
    assert_int_equal(sc_plan_schedule_input(plan, SC_SCHEDULE_1F1B, 1, &input, &err), SC_USAGE);
    assert_null(input.stages);
    sc_plan_free(plan);
    sc_settings_free(&settings);
    sc_planner_free(planner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verbs_say_what_they_mean),          cmocka_unit_test(bad_lines_change_nothing),
        cmocka_unit_test(a_difference_is_that_of_the_plans), cmocka_unit_test(what_is_impossible_has_reasons),
        cmocka_unit_test(a_schedule_of_a_plan_adds_up),      cmocka_unit_test(chunks_send_round_the_ends),
    };
    loader = sc_import_loader();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
