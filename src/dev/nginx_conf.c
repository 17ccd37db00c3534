/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/nginx_conf.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "dev/match.h"
#include "dev/nginx_conf_route.h"

static void write_main(struct nginx_conf_writer *writer)
{
    const struct nginx_conf_settings *settings = writer->settings;
    FILE *to = writer->to;

    fprintf(to, "# Written by `c-runner dev`; it is written anew at every change of a route.\n"
                "daemon off;\nmaster_process on;\nworker_processes 1;\n"
                "error_log stderr warn;\nload_module ");
    match_quote(to, settings->module);
    fprintf(to, ";\npid ");
    match_quote(to, nginx_conf_path(writer, "nginx.pid"));
    fprintf(to, ";\n");
    if (settings->user) {
        fprintf(to, "user ");
        match_quote(to, settings->user);
        fprintf(to, ";\n");
    }
    fprintf(to, "events {\n    worker_connections 4096;\n}\n");
}

/* One line of JSON for each request. The request line is cut, so that a line is written
 * to the pipe in one piece. */
static void write_log(FILE *to)
{
    fprintf(to, "map \"$request_method $request_uri\" $a6_line {\n"
                "    \"~(?s)^(?<a6_short>.{0,500})\" $a6_short;\n}\n"
                "log_format a6 escape=json '{\"id\":\"$request_id\",\"route\":\"$a6_route\","
                "\"line\":\"$a6_line\",\"status\":\"$status\",\"time\":$request_time,"
                "\"client\":\"$remote_addr\",\"upstream\":\"$upstream_addr\","
                "\"upstream_status\":\"$upstream_status\",\"ext\":\"$ext_plugin_status\","
                "\"ext_time\":\"$ext_plugin_time\",\"error\":\"$ext_plugin_error\","
                "\"bytes\":$bytes_sent}';\n"
                "access_log /dev/stdout a6;\n");
}

static void write_http(struct nginx_conf_writer *writer)
{
    static const char *const folders[] = {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"};
    FILE *to = writer->to;
    char name[64];

    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        snprintf(name, sizeof(name), "%s_temp", folders[i]);
        fprintf(to, "%s_temp_path ", folders[i]);
        match_quote(to, nginx_conf_path(writer, name));
        fprintf(to, ";\n");
    }
    fprintf(to, "default_type text/plain;\ncharset utf-8;\nunderscores_in_headers on;\n"
                "client_max_body_size 0;\nkeepalive_timeout 60s;\nserver_tokens off;\n"
                "map_hash_bucket_size 256;\nvariables_hash_max_size 4096;\n"
                "proxy_http_version 1.1;\nproxy_socket_keepalive on;\n"
                "ext_plugin_runner ");
    match_quote(to, nginx_conf_runner(writer));
    fprintf(to, " conf_expire=3600s;\n");
    write_log(to);
}

static void write_admin(struct nginx_conf_writer *writer)
{
    FILE *to = writer->to;
    long port = writer->settings->admin_port;

    fprintf(to,
            "location ^~ /apisix/admin/ {\n    access_log off;\n    client_max_body_size 2m;\n"
            "    proxy_set_header Host $http_host;\n    proxy_read_timeout 60s;\n"
            "    proxy_pass http://127.0.0.1:%ld;\n}\n"
            "location = /_dev {\n    access_log off;\n    return 301 /_dev/;\n}\n"
            "location ^~ /_dev/ {\n    access_log off;\n    proxy_set_header Host $http_host;\n"
            "    proxy_buffering off;\n    proxy_read_timeout 1d;\n"
            "    proxy_pass http://127.0.0.1:%ld;\n}\n",
            port, port);
}

static int write_server(struct nginx_conf_writer *writer)
{
    FILE *to = writer->to;
    int result;

    fprintf(to, "server {\nserver_name \"\";\n");
    for (size_t i = 0; i < writer->settings->port_count; i++)
        fprintf(to, "listen 127.0.0.1:%ld;\n", writer->settings->ports[i]);
    fprintf(to, "root ");
    match_quote(to, nginx_conf_path(writer, "nothing"));
    fprintf(to, ";\nset $a6_route $a6_match;\n");
    nginx_conf_headers(writer);
    write_admin(writer);
    fprintf(to, "location @none {\n    default_type text/plain;\n"
                "    return 404 '{\"error_msg\":\"404 Route Not Found\"}\\n';\n}\n");
    result = nginx_conf_rules(writer);
    for (size_t i = 0; result == 0 && i < writer->model->route_count; i++) {
        if (writer->model->routes[i].enabled)
            result = nginx_conf_route(writer, &writer->model->routes[i]);
    }
    fprintf(to, "}\n");
    return result;
}

static int write_all(struct nginx_conf_writer *writer)
{
    int result;

    write_main(writer);
    fprintf(writer->to, "http {\n");
    write_http(writer);
    result = match_write(writer->to, writer->model, writer->error);
    if (result < 0)
        return result;
    result = nginx_conf_upstreams(writer);
    if (result == 0)
        result = write_server(writer);
    fprintf(writer->to, "}\n");
    return result;
}

int nginx_conf_write(const struct nginx_conf_settings *settings, const struct model *model,
                     const char *name, struct error *error)
{
    struct nginx_conf_writer writer = {.settings = settings, .model = model, .error = error};
    int result;

    if (mkdir(settings->conf_folder, 0700) < 0 && errno != EEXIST)
        return error_set(error, "%s: %s", settings->conf_folder, strerror(errno));
    writer.to = fopen(nginx_conf_path(&writer, name), "we");
    if (!writer.to)
        return error_set(error, "%s: %s", writer.path, strerror(errno));
    result = write_all(&writer);
    if ((ferror(writer.to) | fclose(writer.to)) != 0 && result == 0)
        result = error_set(error, "%s: cannot be written", nginx_conf_path(&writer, name));
    return result;
}
