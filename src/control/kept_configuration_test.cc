#include "control/kept_configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace gatehouse::control {
namespace {

using ::testing::ElementsAre;

// A disk that can be changed.
struct Disk {
  std::map<std::string, std::string> files;
  config::Environment environment() {
    config::Environment e;
    e.variable = [](const std::string&) -> std::optional<std::string> { return std::nullopt; };
    e.read_file = [this](const std::string& path) -> std::optional<std::string> {
      const auto f = files.find(path);
      return f == files.end() ? std::nullopt : std::optional(f->second);
    };
    e.glob = [this](const std::string&) {
      std::vector<std::string> all;
      for (const auto& [path, text] : files)
        if (path.starts_with("/etc/teams/")) all.push_back(path);
      return all;
    };
    return e;
  }
};

Disk disk() {
  return {{{"/etc/g.yaml", "include: teams/*.yaml\nadmin: {token: \"file:/etc/token\"}\n"},
           {"/etc/teams/a.yaml", "services: {a: http://a}\n"},
           {"/etc/teams/b.yaml", "services: {b: http://b}\n"},
           {"/etc/token", "secret"}}};
}

TEST(KeptConfiguration, IsReadAsItWasWritten) {
  Disk d = disk();
  const auto kept = KeptConfiguration::of(read_source("/etc/g.yaml", d.environment()));
  ASSERT_TRUE(kept);
  const auto back = KeptConfiguration::parse(kept->text());
  ASSERT_TRUE(back) << back.error();
  EXPECT_EQ(back->files, kept->files);
  EXPECT_EQ(back->files.size(), 3U) << "the secret stays where it is";
  EXPECT_EQ(kept->text().find("secret"), std::string::npos);
}

TEST(KeptConfiguration, StandsInForFilesThatHaveErrors) {
  Disk d = disk();
  const auto kept = KeptConfiguration::of(read_source("/etc/g.yaml", d.environment()));
  d.files["/etc/g.yaml"] = "servics: {}\n";
  d.files["/etc/teams/a.yaml"] = "]";
  d.files["/etc/teams/c.yaml"] = "services: {c: http://c}\n";
  d.files.erase("/etc/teams/b.yaml");
  EXPECT_FALSE(KeptConfiguration::of(read_source("/etc/g.yaml", d.environment())));
  const Source source = read_kept(*kept, d.environment());
  ASSERT_TRUE(source.spec);
  EXPECT_TRUE(source.kept);
  std::vector<std::string> services;
  for (const auto& s : source.spec->services) services.push_back(s.name);
  EXPECT_THAT(services, ElementsAre("a", "b"));
  d.files.erase("/etc/token");
  EXPECT_FALSE(read_kept(*kept, d.environment()).spec) << "what it names has to be there";
}

TEST(KeptConfiguration, WhatIsTornOrForeignIsNothing) {
  Disk d = disk();
  const std::string text = KeptConfiguration::of(read_source("/etc/g.yaml", d.environment()))->text();
  for (std::size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(KeptConfiguration::parse(std::string_view(text).substr(0, size))) << size;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string other = text;
    other[i] = static_cast<char>(other[i] ^ 4);
    EXPECT_FALSE(KeptConfiguration::parse(other)) << i;
  }
  EXPECT_EQ(KeptConfiguration::parse("{}").error(), "it is no such file of this version");
  EXPECT_EQ(KeptConfiguration::parse(KeptConfiguration{}.text()).error(), "it is empty");
}

TEST(Source, TellsTheStateFolderOfAFileWithErrorsToo) {
  Disk d{{{"/g.yaml", "state: /srv/state\nservics: {}\n"}}};
  const Source source = read_source("/g.yaml", d.environment());
  EXPECT_FALSE(source.spec);
  EXPECT_EQ(source.state.reveal(), "/srv/state");
}

}  // namespace
}  // namespace gatehouse::control
