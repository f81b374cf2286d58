/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The plans that Alpa found and published (benchmark/alpa/suite_auto_gpt.py and suite_auto_moe.py, on hosts of 8 V100
 * with 16 GB and 25 Gb/s): entered by pins of the stages' submeshes and logical meshes, with the best cuts and
 * strategies that they allow, and compared with the plan that is found without pins. Both are printed with their ratio.
 * With STAGECUT_LONG set, those too that take minutes.
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
#include "plan/plan.h"

#if defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__
#define SLOW 1
#elif defined __has_feature
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SLOW 1
#endif
#endif
#ifndef SLOW
#define SLOW 0
#endif

static struct sc_loader loader;

struct published {
    const char *model, *cluster;
    int devices, stages;
    const char *meshes[4];            /* of the stages in order; the last goes on */
    enum { SMALL, LARGE, LONG } size; /* LARGE: not under sanitizers; LONG: on request */
};
static const struct published plans[] = {
    {"gpt-760m", "p3.16xlarge", 2, 2, {"1x1"}, SMALL},
    {"gpt-1.3b", "p3.16xlarge", 4, 2, {"1x2:2x1"}, SMALL},
    {"gpt-2.6b", "p3.16xlarge", 8, 3, {"1x2:2x1", "1x2:2x1", "1x4:4x1"}, SMALL},
    {"gpt-6.7b", "p3.16xlarge:2", 16, 2, {"1x8:2x4"}, LARGE},
    {"gpt-15b", "p3.16xlarge:4", 32, 4, {"1x8:2x4"}, LARGE},
    {"gpt-39b", "p3.16xlarge:8", 64, 16, {"1x4:1x4"}, LARGE},
    {"moe-10b", "p3.16xlarge:2", 16, 2, {"1x8:8x1"}, LARGE},
    {"moe-70b", "p3.16xlarge:8", 64, 8, {"1x8:8x1"}, LONG},
};

static void set(struct sc_settings *s, const char *name, const char *format, ...)
{
    char value[128];
    struct sc_error err = {0};
    va_list args;
    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    if (sc_settings_set(s, name, value, &err) != SC_OK)
        fail_msg("%s %s: %s", name, value, err.message);
}

static struct sc_plan *make(const struct sc_settings *settings)
{
    struct sc_error err = {0};
    struct sc_plan *plan = NULL;
    struct sc_cancel cancel;
    struct sc_planner *planner = sc_planner_new(&loader);
    sc_cancel_init(&cancel, 40, 0);
    struct sc_plan_request request = {.settings = settings, .cancel = &cancel};
    if (sc_planner_make(planner, &request, &plan, &err) != SC_OK)
        fail_msg("%s", err.message);
    sc_planner_free(planner);
    return plan;
}

/* A mesh of one axis is 8 for us, and 8x1 for Alpa. */
static void strip_ones(char *mesh)
{
    char *colon = strchr(mesh, ':');
    if (colon && strncmp(colon, ":1x", 3) == 0)
        memmove(colon + 1, colon + 3, strlen(colon + 3) + 1);
    else if (colon && strcmp(colon + strlen(colon) - 2, "x1") == 0)
        colon[strlen(colon) - 2] = '\0';
}

static void ours_cost_no_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < SC_LEN(plans); i++) {
        const struct published *p = &plans[i];
        struct sc_settings settings;
        char mesh[32] = "";
        if ((p->size >= LARGE && SLOW) || (p->size == LONG && !getenv("STAGECUT_LONG")))
            continue;
        sc_settings_init(&settings);
        sc_settings_set_model(&settings, p->model);
        set(&settings, "cluster", "%s", p->cluster);
        set(&settings, "devices", "%d", p->devices);
        set(&settings, "stages", "auto");
        set(&settings, "remat", "auto");
        struct sc_plan *ours = make(&settings);
        set(&settings, "stages", "%d", p->stages);
        for (int k = 0; k < p->stages; k++) {
            if (k < (int)SC_LEN(p->meshes) && p->meshes[k])
                snprintf(mesh, sizeof mesh, "%s", p->meshes[k]);
            strip_ones(mesh);
            set(&settings, "stage-mesh", "%d=%s", k, mesh);
        }
        struct sc_plan *theirs = make(&settings);
        if (!ours->choice)
            fail_msg("%s: %s", p->model, sc_solve_status_name(ours->status));
        print_message("%-9s %2d devices: ours %8.3f s, %2d stages, %s; as published %8.3f s; ratio %.4f\n", p->model,
                      p->devices, ours->objective_s, ours->stage_count, sc_solve_status_name(ours->status),
                      theirs->objective_s, ours->objective_s / theirs->objective_s);
        assert_true(ours->objective_s <= theirs->objective_s * (1 + 1e-12));
        sc_plan_free(ours);
        sc_plan_free(theirs);
        sc_settings_free(&settings);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ours_cost_no_more)};
    loader = sc_import_loader();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
