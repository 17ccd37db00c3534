# SPDX-License-Identifier: Apache-2.0
# What `make install` puts where.

set(A6_INSTALL_PLUGINDIR ${CMAKE_INSTALL_LIBDIR}/apisix-c-plugin-runner/plugins)

if(TARGET c-runner)
    install(TARGETS c-runner RUNTIME)
endif()
# Nobody calls it by its name: c-runner finds it there.
if(TARGET c-runner-dev)
    install(TARGETS c-runner-dev RUNTIME
            DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/apisix-c-plugin-runner)
endif()
if(TARGET a6runner)
    install(TARGETS a6runner a6runner_shared LIBRARY ARCHIVE)
endif()
if(TARGET a6test)
    install(TARGETS a6test ARCHIVE)
endif()
install(DIRECTORY include/a6 DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES plugins/hello-rust/a6.rs plugins/hello-rust/a6_abi.rs
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/a6)
install(DIRECTORY ${CMAKE_BINARY_DIR}/plugins/ DESTINATION ${A6_INSTALL_PLUGINDIR}
        FILES_MATCHING PATTERN "*.so")

# Where Debian's nginx looks for modules, below whatever prefix.
install(DIRECTORY ${CMAKE_BINARY_DIR}/nginx/ DESTINATION lib/nginx/modules OPTIONAL
        FILES_MATCHING PATTERN "ngx_*_module.so" PATTERN "work" EXCLUDE PATTERN "CMakeFiles" EXCLUDE)

foreach(module a6-plugin a6-runner a6-test)
    configure_file(${module}.pc.in ${module}.pc @ONLY)
    install(FILES ${CMAKE_BINARY_DIR}/${module}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

# The manual page of c-runner is what c-runner says of itself.
if(TARGET c-runner)
    add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/c-runner.1
        COMMAND c-runner help --man > ${CMAKE_BINARY_DIR}/c-runner.1
        DEPENDS c-runner COMMENT "Writing c-runner.1" VERBATIM)
    add_custom_target(man ALL DEPENDS ${CMAKE_BINARY_DIR}/c-runner.1)
    install(FILES ${CMAKE_BINARY_DIR}/c-runner.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()

install(FILES completion/c-runner.bash OPTIONAL RENAME c-runner
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES completion/_c-runner OPTIONAL
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs
        FILES_MATCHING PATTERN "*.md" PATTERN "*.svg" PATTERN "*.png")
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR})
