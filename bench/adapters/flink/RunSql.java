// SPDX-License-Identifier: Apache-2.0
import java.nio.file.*;
import org.apache.flink.table.api.*;

/** Runs a file of SQL statements in this JVM: RunSql FILE [NAME=VALUE...]; $NAME is replaced. */
public class RunSql {
  public static void main(String[] args) throws Exception {
    String sql = Files.readString(Path.of(args[0]));
    for (int i = 1; i < args.length; i++)
      sql = sql.replace("$" + args[i].split("=", 2)[0], args[i].split("=", 2)[1]);
    TableEnvironment env = TableEnvironment.create(EnvironmentSettings.inBatchMode());
    for (String s : sql.split(";")) if (!s.isBlank()) env.executeSql(s).await();
    System.exit(0); // threads of the local cluster may still be there
  }
}
