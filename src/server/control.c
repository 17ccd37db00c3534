/* SPDX-License-Identifier: Apache-2.0 */
#include "server/control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct packet {
    uint32_t type;
    uint32_t value;
    char text[CONTROL_TEXT_MAX];
};

#define PACKET_HEAD offsetof(struct packet, text)

int control_pair(int fds[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0 ? -errno : 0;
}

int control_send(int socket, enum control_type type, uint32_t value, const char *text, int fd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } ancillary = {0};
    struct packet packet = {.type = type, .value = value};
    size_t len = text ? strnlen(text, CONTROL_TEXT_MAX - 1) : 0;
    struct iovec iov = {&packet, PACKET_HEAD + len};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

    if (len)
        memcpy(packet.text, text, len);
    if (fd >= 0) {
        message.msg_control = ancillary.bytes;
        message.msg_controllen = sizeof(ancillary.bytes);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof(int));
    }
    while (sendmsg(socket, &message, MSG_NOSIGNAL) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return 0;
}

int control_receive(int socket, struct control_message *message)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } ancillary;
    struct packet packet;
    struct iovec iov = {&packet, sizeof(packet)};
    struct msghdr received = {.msg_iov = &iov,
                              .msg_iovlen = 1,
                              .msg_control = ancillary.bytes,
                              .msg_controllen = sizeof(ancillary.bytes)};
    ssize_t got;

    do
        got = recvmsg(socket, &received, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == ECONNRESET ? -EPIPE : -errno;
    if (got == 0)
        return -EPIPE;

    message->fd = -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(&received);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        memcpy(&message->fd, CMSG_DATA(header), sizeof(int));
    if ((size_t)got < PACKET_HEAD) {
        if (message->fd >= 0)
            close(message->fd);
        return -EBADMSG;
    }
    size_t len = (size_t)got - PACKET_HEAD;
    message->type = packet.type;
    message->value = packet.value;
    if (len >= CONTROL_TEXT_MAX)
        len = CONTROL_TEXT_MAX - 1;
    memcpy(message->text, packet.text, len);
    message->text[len] = 0;
    return 0;
}
