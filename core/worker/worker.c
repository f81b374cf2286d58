/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The worker thread. GLPK keeps its state by thread, so the planner lives and dies on it. All shared fields are behind
 * one mutex; a job holds copies of what it needs.
 */
#include "worker/worker.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum job_kind { JOB_NONE, JOB_PLAN, JOB_DELTA };

struct job {
    enum job_kind kind;
    struct sc_settings settings; /* PLAN */
    uint64_t revision;
    struct sc_plan *plan; /* DELTA */
    int node;
};

struct sc_worker {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    const struct sc_loader *loader;
    struct sc_progress *progress;
    int pipe[2]; /* a byte for each result that waits */
    bool quit, running;
    struct sc_cancel cancel; /* of the running job */
    struct job next;
    struct sc_result result;
};

static void job_free(struct job *job)
{
    sc_settings_free(&job->settings);
    sc_plan_free(job->plan);
    *job = (struct job){0};
}

static void result_free(struct sc_result *result)
{
    sc_plan_free(result->plan);
    sc_free(result->delta);
    sc_free(result->exact);
    sc_free(result->why);
    *result = (struct sc_result){0};
}

/* ---- jobs ---- */

static void run_plan(struct sc_worker *worker, struct sc_planner *planner, struct job *job, struct sc_result *out)
{
    struct sc_plan_request request = {.settings = &job->settings,
                                      .revision = job->revision,
                                      .deltas = true,
                                      .cancel = &worker->cancel,
                                      .progress = worker->progress};
    *out = (struct sc_result){.kind = SC_RESULT_PLAN, .revision = job->revision};
    if (sc_planner_make(planner, &request, &out->plan, &out->error) != SC_OK)
        out->kind = SC_RESULT_ERROR;
}

static void run_delta(struct sc_worker *worker, struct job *job, struct sc_result *out)
{
    const struct sc_plan *plan = job->plan;
    int op = plan->costs->nodes[job->node].op;
    *out = (struct sc_result){.kind = SC_RESULT_DELTA, .revision = plan->revision, .node = job->node};
    out->count = plan->costs->nodes[job->node].set->count;
    out->delta = sc_calloc((size_t)out->count, sizeof *out->delta);
    out->exact = sc_calloc((size_t)out->count, sizeof *out->exact);
    struct sc_str why = {0};
    enum sc_status status = out->delta && out->exact ? SC_OK : sc_fail(&out->error, SC_NO_MEMORY, "no memory for differences");
    if (status == SC_OK)
        status = sc_plan_exact_delta(plan, job->node, out->delta, out->exact, &worker->cancel, &out->error);
    if (status == SC_OK && op >= 0 && !sc_cancelled(&worker->cancel))
        status = sc_plan_why(plan, op, -1, &why, &out->error);
    if (status == SC_OK) {
        out->why = why.data;
        out->plan = job->plan;
        job->plan = NULL;
        return;
    }
    sc_str_free(&why);
    struct sc_error error = out->error;
    result_free(out);
    *out = (struct sc_result){.kind = SC_RESULT_ERROR, .revision = plan->revision, .error = error};
}

/* A newer job waits: what the old one found is not worth showing, unless it was stopped by hand. */
static void publish(struct sc_worker *worker, struct sc_result *result)
{
    bool stale = worker->next.kind == JOB_PLAN && worker->next.revision != result->revision;
    worker->running = false;
    if (stale || worker->quit) {
        result_free(result);
        return;
    }
    if (worker->result.kind == SC_RESULT_PLAN && result->kind == SC_RESULT_DELTA) { /* keep the plan: it comes first */
        result_free(result);
        return;
    }
    result_free(&worker->result);
    worker->result = *result;
    char byte = 1;
    ssize_t put = write(worker->pipe[1], &byte, 1);
    (void)put; /* a full pipe wakes the reader as well */
}

static void *worker_main(void *user)
{
    struct sc_worker *worker = user;
    struct sc_planner *planner = sc_planner_new(worker->loader);
    pthread_mutex_lock(&worker->mutex);
    while (!worker->quit) {
        if (worker->next.kind == JOB_NONE) {
            pthread_cond_wait(&worker->wake, &worker->mutex);
            continue;
        }
        struct job job = worker->next;
        struct sc_result result = {0};
        worker->next = (struct job){0};
        worker->running = true;
        sc_cancel_init(&worker->cancel, job.settings.time_limit, 0);
        pthread_mutex_unlock(&worker->mutex);
        if (!planner) {
            result.kind = SC_RESULT_ERROR;
            sc_fail(&result.error, SC_NO_MEMORY, "no memory for a planner");
        } else if (job.kind == JOB_PLAN) {
            run_plan(worker, planner, &job, &result);
        } else {
            run_delta(worker, &job, &result);
        }
        job_free(&job);
        pthread_mutex_lock(&worker->mutex);
        publish(worker, &result);
    }
    pthread_mutex_unlock(&worker->mutex);
    sc_planner_free(planner);
    return NULL;
}

/* ---- the face ---- */

/* Signals are the interface thread's: the worker starts with all of them blocked. */
static int start_thread(struct sc_worker *worker)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int failed = pthread_create(&worker->thread, NULL, worker_main, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

struct sc_worker *sc_worker_new(const struct sc_loader *loader, struct sc_error *err)
{
    struct sc_worker *worker = sc_alloc(sizeof *worker);
    if (!worker || !(worker->progress = sc_progress_new())) {
        sc_free(worker);
        sc_fail(err, SC_NO_MEMORY, "no memory for the worker");
        return NULL;
    }
    worker->loader = loader;
    pthread_mutex_init(&worker->mutex, NULL);
    pthread_cond_init(&worker->wake, NULL);
    bool piped = pipe2(worker->pipe, O_CLOEXEC | O_NONBLOCK) == 0;
    if (piped && start_thread(worker) == 0)
        return worker;
    if (piped) {
        close(worker->pipe[0]);
        close(worker->pipe[1]);
    }
    sc_progress_free(worker->progress);
    pthread_cond_destroy(&worker->wake);
    pthread_mutex_destroy(&worker->mutex);
    sc_free(worker);
    sc_fail(err, SC_INTERNAL, "cannot start a thread");
    return NULL;
}

void sc_worker_free(struct sc_worker *worker)
{
    if (!worker)
        return;
    pthread_mutex_lock(&worker->mutex);
    worker->quit = true;
    sc_cancel_request(&worker->cancel);
    pthread_cond_signal(&worker->wake);
    pthread_mutex_unlock(&worker->mutex);
    pthread_join(worker->thread, NULL);
    job_free(&worker->next);
    result_free(&worker->result);
    close(worker->pipe[0]);
    close(worker->pipe[1]);
    sc_progress_free(worker->progress);
    pthread_cond_destroy(&worker->wake);
    pthread_mutex_destroy(&worker->mutex);
    sc_free(worker);
}

int sc_worker_fd(const struct sc_worker *worker)
{
    return worker->pipe[0];
}

static void submit(struct sc_worker *worker, struct job *job)
{
    pthread_mutex_lock(&worker->mutex);
    job_free(&worker->next);
    worker->next = *job;
    if (worker->running)
        sc_cancel_request(&worker->cancel);
    pthread_cond_signal(&worker->wake);
    pthread_mutex_unlock(&worker->mutex);
}

enum sc_status sc_worker_submit(struct sc_worker *worker, const struct sc_settings *settings, uint64_t revision,
                                struct sc_error *err)
{
    struct job job = {.kind = JOB_PLAN, .revision = revision};
    if (!sc_settings_copy(&job.settings, settings))
        return sc_fail(err, SC_NO_MEMORY, "no memory for a job");
    submit(worker, &job);
    return SC_OK;
}

enum sc_status sc_worker_submit_delta(struct sc_worker *worker, const struct sc_plan *plan, int node,
                                      struct sc_error *err)
{
    pthread_mutex_lock(&worker->mutex);
    bool busy = worker->next.kind == JOB_PLAN;
    pthread_mutex_unlock(&worker->mutex);
    if (busy)
        return sc_fail(err, SC_CANCELLED, "a plan is being made first");
    struct job job = {.kind = JOB_DELTA, .plan = sc_plan_share(plan), .node = node};
    submit(worker, &job);
    return SC_OK;
}

void sc_worker_cancel(struct sc_worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    sc_cancel_request(&worker->cancel);
    pthread_mutex_unlock(&worker->mutex);
}

bool sc_worker_idle(struct sc_worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    bool idle = !worker->running && worker->next.kind == JOB_NONE && worker->result.kind == SC_RESULT_NONE;
    pthread_mutex_unlock(&worker->mutex);
    return idle;
}

struct sc_progress_value sc_worker_progress(struct sc_worker *worker)
{
    return sc_progress_get(worker->progress);
}

struct sc_result sc_worker_take(struct sc_worker *worker)
{
    char bytes[64];
    pthread_mutex_lock(&worker->mutex);
    while (read(worker->pipe[0], bytes, sizeof bytes) > 0)
        ;
    struct sc_result result = worker->result;
    worker->result = (struct sc_result){0};
    pthread_mutex_unlock(&worker->mutex);
    return result;
}
