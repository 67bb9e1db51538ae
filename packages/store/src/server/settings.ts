/** What the embedded server runs with: safe on power loss, few processes, little memory; its users are one service and its commands. */
export function serverSettings(
  major: number,
  socketDirectory: string,
  overrides: Readonly<Record<string, string>>,
): Record<string, string> {
  return {
    listen_addresses: '',
    port: '5432',
    unix_socket_directories: socketDirectory,
    unix_socket_permissions: '0770', // the directory decides who gets there
    max_connections: '40',
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    wal_level: 'minimal',
    max_wal_senders: '0',
    max_wal_size: '256MB',
    min_wal_size: '32MB',
    shared_buffers: '24MB',
    work_mem: '4MB',
    maintenance_work_mem: '32MB',
    huge_pages: 'off',
    jit: 'off',
    max_worker_processes: '0',
    max_parallel_workers: '0',
    max_parallel_workers_per_gather: '0',
    max_logical_replication_workers: '0',
    autovacuum_max_workers: '1',
    autovacuum_naptime: '30s',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_min_messages: 'warning',
    log_line_prefix: '%m [%p] ',
    ...(major >= 18 ? { io_method: 'sync', autovacuum_worker_slots: '1' } : {}),
    ...overrides,
  };
}

/** What a new cluster is made with: scram everywhere, a locale that no system library can change under our indexes. */
export function initdbArguments(major: number, data: string, user: string, passwordFile: string): string[] {
  return [
    ...['-D', data, '-U', user, `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '-E', 'UTF8', '--no-instructions'],
    ...(major >= 17 ? ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : ['--locale=C']),
    // The password is 32 random bytes: nothing is gained by stretching it, and every connection would pay.
    ...(major >= 16 ? ['-c', 'scram_iterations=1'] : []),
  ];
}
