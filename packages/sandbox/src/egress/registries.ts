/** Hosts of public package registries and of what their clients download from: what setup may reach where the configuration says nothing. */
export const packageRegistries: readonly string[] = [
  'registry.npmjs.org',
  'registry.yarnpkg.com',
  'repo.yarnpkg.com',
  'npm.jsr.io',
  'jsr.io',
  'nodejs.org',
  'pypi.org',
  'files.pythonhosted.org',
  'crates.io',
  'index.crates.io',
  'static.crates.io',
  'static.rust-lang.org',
  'proxy.golang.org',
  'sum.golang.org',
  'go.dev',
  'dl.google.com',
  'rubygems.org',
  'index.rubygems.org',
  'repo.maven.apache.org',
  'repo1.maven.org',
  'plugins.gradle.org',
  'services.gradle.org',
  'api.nuget.org',
  'packagist.org',
  'repo.packagist.org',
  'hex.pm',
  'repo.hex.pm',
  'pub.dev',
  'deb.debian.org',
  'security.debian.org',
  'archive.ubuntu.com',
  'security.ubuntu.com',
  'dl-cdn.alpinelinux.org',
  'github.com',
  'codeload.github.com',
  'objects.githubusercontent.com',
  'release-assets.githubusercontent.com',
  'raw.githubusercontent.com',
];

/** Stands for all of them in a list of hosts. */
const groupName = 'registries';

export const withRegistries = (entries: readonly string[]): readonly string[] =>
  entries.flatMap((entry) => (entry === groupName ? packageRegistries : [entry]));
